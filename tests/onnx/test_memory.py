"""Peak memory while weights are written: their own size, not twice that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SIZE = 400 << 20
CONSTANT = 64 << 20
_WRITE = """
import sys
from pathlib import Path
import numpy as np
import onnx
from kexport import ops
from kexport.engines.memory import peak_bytes
from tests.onnx.helper import export
from tests.onnx.nets import Net, BATCH

size = int(sys.argv[2])
n = Net(4, 4, channels=64)
before = peak_bytes()
units = size // 4 // 1024
w = np.empty((1024, units), np.float32)
w.reshape(-1)[:] = np.random.default_rng(0).random(w.size, np.float32)
if sys.argv[3] == "flattened":  # the rows are permuted behind a convolution
    x = n.add(ops.Reshape((BATCH, 1024)), n.conv(n.x, 64))
    graph = n.done(n.add(ops.Dense(), x, n.graph.constant(w, "w")))
else:  # the kernel is transposed
    kernel = n.graph.constant(w.reshape(4, 4, 64, units), "w")
    graph = n.done(n.add(ops.Conv((1, 1), "valid", (1, 1)), n.x, kernel))
held = peak_bytes() - before
export(graph, Path(sys.argv[1]), external_data=sys.argv[4] == "external")
print(held, peak_bytes() - before)
"""


@pytest.mark.parametrize(("form", "place"), [("flattened", "inline"), ("kernel", "external")])
def test_peak_memory_stays_near_the_weights(form: str, place: str, tmp_path: Path, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WRITE, str(tmp_path / "m.onnx"), str(SIZE), form, place],
        check=True,
        cwd=root,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": f"{root}:{root / 'targets'}", "PATH": ""},
    )
    held, peak = map(int, done.stdout.split())
    written = sum(f.stat().st_size for f in tmp_path.iterdir())
    assert written >= SIZE
    assert held >= SIZE
    assert peak <= held * 1.3 + CONSTANT
