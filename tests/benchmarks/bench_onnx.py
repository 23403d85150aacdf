"""ONNX beside tf2onnx: time to make, size, extra memory, error to Keras, latency in ONNX Runtime.

python -m tests.benchmarks.bench_onnx [MODEL ...]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.latency import interleaved
from tests.benchmarks.process import Made, run

MAKERS = ("kexport onnx", "tf2onnx", "keras onnx")
MODELS = ("MobileNetV2", "EfficientNetB0", "ConvNeXtTiny")
REPEATS = 3


def main(models: tuple[str, ...] = MODELS) -> None:
    """Print one table a model: the fastest of three processes, medians of interleaved latencies."""
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            made = [_best(maker, model, Path(folder)) for maker in MAKERS]
            _print(model, made, Path(folder))


def _best(maker: str, model: str, folder: Path) -> Made:
    tries = [run(maker, model, folder / maker.replace(" ", "-")) for _ in range(REPEATS)]
    return min(tries, key=lambda m: (bool(m.error), m.seconds))


def _print(model: str, made: list[Made], folder: Path) -> None:
    good = [m for m in made if not m.error]
    expected = np.load(folder / good[0].maker.replace(" ", "-") / "expected.npz")
    sessions = {}
    errors = {}
    failed = {m.maker: m.error for m in made if m.error}
    for m in good:
        try:
            session = _session(m.path, expected["input"])
            errors[m.maker] = float(np.abs(session() - expected["output"]).max())
            sessions[m.maker] = session
        except Exception as e:  # a peer's artifact that does not run; what ONNX Runtime raises shares no class
            if m is made[0]:
                raise
            failed[m.maker] = f"{m.seconds:.2f} s, but it does not run: {str(e).splitlines()[0][:120]}"
    latency = interleaved(sessions)
    ours = made[0]
    columns = f"{'maker':<14}{'seconds':>9}{'ratio':>7}{'extra MiB':>11}{'bytes':>12}{'error':>10}{'ms':>8}{'ratio':>7}"
    print(f"\n{model}\n{columns}")
    for m in made:
        if m.maker in failed:
            print(f"{m.maker:<14}failed: {failed[m.maker]}")
            continue
        ms = latency[m.maker] * 1e3
        print(
            f"{m.maker:<14}{m.seconds:>9.2f}{m.seconds / ours.seconds:>7.1f}{m.extra_mib:>11.0f}{m.size:>12}"
            f"{errors[m.maker]:>10.1e}{ms:>8.2f}{latency[m.maker] / latency[ours.maker]:>7.2f}"
        )


def _session(path: str, inputs: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: inputs})[0]


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or MODELS)
