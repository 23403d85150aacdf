"""Peak memory while weights are written: their own size, not twice that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SIZE = 400 << 20
CONSTANT = 64 << 20
SHARE = 1.3
_WRITE = """
import sys
from pathlib import Path
import numpy as np
import ai_edge_litert.schema_py_generated, flatbuffers
from kexport import ops
from kexport.engines.memory import peak_bytes
from tests.tflite.helper import export
from tests.tflite.nets import BATCH, Layers

path, size, precision = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
n = Layers(BATCH, 1024)
before = peak_bytes()
units = size // 4 // 1024
w = np.empty((1024, units), np.float32)
w[:] = np.arange(units, dtype=np.float32) / units
y = n.graph.add(ops.Dense(), n.x, n.graph.constant(w, "w"), origin="dense").output
export(n.done(y), path, precision=precision)
print(peak_bytes() - before)
"""


@pytest.mark.parametrize(("precision", "share"), [("float32", 1.0), ("float16", 0.5)])
def test_one_large_layer(precision: str, share: float, tmp_path: Path) -> None:
    """The kernel is transposed on the way to the file, a few megabytes at a time."""
    path = tmp_path / "large.tflite"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([".", "targets"])}
    command = [sys.executable, "-c", _WRITE, str(path), str(SIZE), precision]
    grown = int(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)
    assert SIZE * share < path.stat().st_size < SIZE * share * 1.001
    assert SIZE * 0.5 < grown < SIZE * SHARE + CONSTANT
