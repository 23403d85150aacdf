"""Four artifacts by one export, beside the four converters one after the other.

python -m tests.benchmarks.bench_together [--tfjs PEER_PYTHON] [MODEL ...]

`PEER_PYTHON` has the converter of TensorFlow.js, see bench_tfjs; without it that peer is left out of the sum.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.benchmarks.bench_tfjs import convert
from tests.benchmarks.process import run

OURS = "kexport together"
PEERS = ("tf2onnx", "tflite converter", "coremltools")
REPEATS = 3


def main(models: tuple[str, ...] = ("MobileNetV2",), tfjs: str = "") -> None:
    """Print the seconds of each, the fastest of several processes in turn."""
    for model in models:
        best: dict[str, float] = {}
        for _ in range(REPEATS):
            for maker, seconds in _round(model, tfjs).items():
                best[maker] = min(seconds, best.get(maker, seconds))
        ours = best.pop(OURS)
        peers = sum(best.values())
        print(f"\n{model}\n{'maker':<28}{'seconds':>9}{'ratio':>7}")
        print(f"{OURS + ': 4 artifacts':<28}{ours:>9.2f}{1:>7.1f}")
        for maker, seconds in best.items():
            print(f"{maker:<28}{seconds:>9.2f}{seconds / ours:>7.1f}")
        print(f"{f'the {len(best)} of them':<28}{peers:>9.2f}{peers / ours:>7.1f}")


def _round(model: str, tfjs: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {}
        for maker in (OURS, *PEERS):
            made = run(maker, model, folder / maker.replace(" ", "-"))
            if made.error:
                raise SystemExit(f"{maker} failed: {made.error}")
            found[maker] = made.seconds
        if tfjs:
            made = convert(tfjs, model, folder)
            found[made.maker] = made.seconds
        return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tfjs", default="", metavar="PEER_PYTHON")
    parser.add_argument("models", nargs="*", default=["MobileNetV2"])
    given = parser.parse_args()
    main(tuple(given.models), given.tfjs)
