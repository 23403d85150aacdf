"""Runs one maker on one model in a process of its own, and measures time and extra memory.

python -m tests.benchmarks.process "kexport onnx" MobileNetV2 FOLDER
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple


class Made(NamedTuple):
    """An artifact: its path, size in bytes, seconds and MiB of extra peak memory; `error` if it could not be made."""

    maker: str
    model: str
    path: str = ""
    size: int = 0
    seconds: float = 0.0
    extra_mib: float = 0.0
    error: str = ""


def run(maker: str, model: str, folder: Path) -> Made:
    """Make the artifact in a new process; also writes `expected.npz` with inputs and Keras' outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", __name__, maker, model, str(folder)]
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.pathsep.join([".", "targets"])}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        return Made(maker, model, error=(done.stderr.strip().splitlines() or ["no message"])[-1][:200])
    return Made(**json.loads(done.stdout.splitlines()[-1]))


def measure(maker: str, model_name: str, folder: Path) -> Made:
    """Make the artifact in this process; imports and building the model are not counted."""
    import numpy as np

    from tests.benchmarks.makers import MAKERS
    from tests.benchmarks.models import build, sample

    MAKERS[maker].prepare()
    model = build(model_name)
    inputs = sample(model)
    np.savez(folder / "expected.npz", input=inputs, output=np.asarray(model(inputs, training=False)))
    _reset_peak()
    before = _status("VmRSS")
    start = time.perf_counter()
    path = MAKERS[maker].make(model, folder)
    seconds = time.perf_counter() - start
    extra = _status("VmHWM") - before
    files = [path, *path.parent.glob(path.stem + ".data")] if path.is_file() else list(path.rglob("*"))
    size = sum(f.stat().st_size for f in files if f.is_file())
    return Made(maker, model_name, str(path), size, seconds, extra / 1024)


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _status(key: str) -> int:
    """A line of this process's memory status, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key + ":"))


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]))._asdict()))
