"""What loading does to the process: which backend is picked, what is said, what is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BACKENDS = """
import keras, sys
from kexport.capture.load import load
from kexport.errors import CaptureError
x = keras.Input((3,))
for source in (keras.Model(x, keras.layers.Dense(2)(x)), sys.argv[1]):
    try:
        load(source)
    except CaptureError as e:
        print(e.what, "|", e.hint)
"""
QUIET = """
import os, sys
from kexport.capture.load import load
from kexport.capture.tracing.start import trace
assert not {"keras", "tensorflow"} & sys.modules.keys()
source = load(sys.argv[1])
print(len(trace(source).outputs), source.model.name, sys.modules["keras"].backend.backend())
assert os.environ["KERAS_BACKEND"] == "torch", "the environment was changed"
"""


def run(code: str, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL")}
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(
        command, env={**kept, **environment}, capture_output=True, text=True, timeout=120, check=False
    )


def test_keras_on_another_backend_is_refused(dense_file: Path) -> None:
    result = run(BACKENDS, dense_file, KERAS_BACKEND="numpy")
    live, file = result.stdout.splitlines()
    assert "this model lives on the numpy backend; capturing needs tensorflow | save it with model.save" in live
    assert "Keras runs on the numpy backend; capturing needs tensorflow | save it with model.save" in file


def test_loading_is_quiet_and_picks_tensorflow(dense_file: Path) -> None:
    result = run(QUIET, dense_file, KERAS_BACKEND="torch")
    assert (result.returncode, result.stdout, result.stderr) == (0, "1 small tensorflow\n", "")
