"""TensorFlow.js beside the official converter: time to make, size, latency in Node's and Chromium's WebAssembly.

The converter does not install beside current TensorFlow; give the Python of an environment of its own, made by
`pip install tensorflowjs==4.22.0 "ydf<0.13"` (2.9 GB):

python -m tests.benchmarks.bench_tfjs PEER_PYTHON [MODEL ...]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport_shared.js.browser import BrowserEngine
from kexport_tfjs.runtime import BrowserWasm, NodeWasm
from tests.benchmarks.latency import interleaved
from tests.benchmarks.process import Made, run

MODELS = ("MobileNetV2", "ConvNeXtTiny")
REPEATS = 2
ROUNDS = 9
OURS = "kexport tfjs"
PEER = "tensorflowjs"
CONVERT = """
import sys, time
from tensorflowjs.converters.tf_saved_model_conversion_v2 import convert_tf_saved_model
start = time.perf_counter()
convert_tf_saved_model(sys.argv[1], sys.argv[2])
print(time.perf_counter() - start)
"""
"""Run in the converter's own environment; its imports are not counted."""


def main(peer: str, models: tuple[str, ...] = MODELS) -> None:
    """Print one table a model: the fastest of two processes, medians of interleaved latencies."""
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            ours = min((run(OURS, model, place / "ours") for _ in range(REPEATS)), key=lambda m: m.seconds)
            theirs = min((convert(peer, model, place / "peer") for _ in range(REPEATS)), key=lambda m: m.seconds)
            _print(model, [ours, theirs], np.load(place / "ours" / "expected.npz"))


def convert(peer: str, model: str, folder: Path) -> Made:
    """Export from Keras and convert by the Python `peer`; both are timed."""
    saved = run("keras savedmodel", model, folder)
    if saved.error:
        return saved
    out = folder / "converted"
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [peer, "-c", CONVERT, saved.path, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        return Made(PEER, model, error=done.stderr.strip().splitlines()[-1][:200])
    size = sum(f.stat().st_size for f in out.iterdir())
    return Made(PEER, model, str(out), size, saved.seconds + float(done.stdout.splitlines()[-1]))


def _print(model: str, made: list[Made], expected: Mapping[str, Any]) -> None:
    places = {"Node": NodeWasm(), "Chromium": BrowserWasm()}
    print(
        f"\n{model}\n{'maker':<14}{'seconds':>9}{'ratio':>7}{'bytes':>12}"
        + "".join(f"{p + ' ms':>13}{'ratio':>7}{'error':>10}" for p in places)
    )
    good = [m for m in made if not m.error]
    columns = {m.maker: f"{m.maker:<14}{m.seconds:>9.2f}{m.seconds / made[0].seconds:>7.1f}{m.size:>12}" for m in good}
    failed = {m.maker: m.error for m in made if m.error}
    for place, runtime in places.items():
        engines = {m.maker: runtime.start() for m in good}
        runners: dict[str, Callable[[], Any]] = {}
        errors: dict[str, float] = {}
        for m in good:
            try:
                runner = _runner(engines[m.maker], Path(m.path), expected["input"])
                errors[m.maker] = float(np.abs(runner() - expected["output"]).max())
                runners[m.maker] = runner
            except VerifyError as error:
                failed[m.maker] = f"in {place}: {str(error).splitlines()[0][:200]}"
        latency = interleaved(runners, rounds=ROUNDS, warmup=2)
        for name, seconds in latency.items():
            columns[name] += f"{seconds * 1e3:>13.1f}{seconds / latency[OURS]:>7.2f}{errors[name]:>10.1e}"
        for engine in engines.values():
            engine.close()
    for line in (*columns.values(), *(f"{name}: failed: {why}" for name, why in failed.items())):
        print(line)


def _runner(engine: Any, path: Path, inputs: Any) -> Callable[[], Any]:
    """Runs a graph model by whoever: its signature has one input and one output."""
    signature = json.loads((path / "model.json").read_text())["signature"]
    (name,) = signature["inputs"]
    (output,) = signature["outputs"]
    place = engine.mount(path) if isinstance(engine, BrowserEngine) else str(path)
    engine.ask({"do": "load", "path": place}, {})
    return lambda: engine.ask({"do": "run", "outputs": [output]}, {name: inputs})[output]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(sys.argv[1], tuple(sys.argv[2:]) or MODELS)
