"""Core ML beside coremltools.convert: time to make, extra memory, size, error to Keras.

python -m tests.benchmarks.bench_coreml [MODEL ...]

Both packages are executed by the evaluator of ML programs, so there are no latencies: those need a Mac.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.benchmarks.process import Made, run

MAKERS = ("kexport coreml", "coremltools")
MODELS = ("MobileNetV2", "EfficientNetB0", "ConvNeXtTiny")
REPEATS = 3


def main(models: tuple[str, ...] = MODELS) -> None:
    """Print one table a model: the fastest of three processes each."""
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            _print(model, [_best(maker, model, Path(folder)) for maker in MAKERS], Path(folder))


def _best(maker: str, model: str, folder: Path) -> Made:
    tries = [run(maker, model, folder / maker.replace(" ", "-")) for _ in range(REPEATS)]
    return min(tries, key=lambda m: (bool(m.error), m.seconds))


def _print(model: str, made: list[Made], folder: Path) -> None:
    ours = made[0]
    print(f"\n{model}\n{'maker':<16}{'seconds':>9}{'ratio':>7}{'extra MiB':>11}{'ratio':>7}{'bytes':>12}{'error':>10}")
    for m in made:
        if m.error:
            print(f"{m.maker:<16}failed: {m.error}")
            continue
        extra = max(m.extra_mib, 0.1) / max(ours.extra_mib, 0.1)
        print(
            f"{m.maker:<16}{m.seconds:>9.2f}{m.seconds / ours.seconds:>7.1f}{m.extra_mib:>11.0f}{extra:>7.1f}"
            f"{m.size:>12}{_error(m, folder):>10.1e}"
        )


def _error(made: Made, folder: Path) -> float:
    """The greatest difference to Keras."""
    import kexport_shared.mil

    expected = np.load(folder / made.maker.replace(" ", "-") / "expected.npz")
    program = kexport_shared.mil.load(made.path)
    (found,) = program.run({program.inputs[0].name: expected["input"]}, mode="float32").values()
    return float(np.abs(found - expected["output"]).max())


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or MODELS)
