"""TF Lite beside TensorFlow's converter: time to make, extra memory, size, error to Keras, latency in LiteRT.

    python -m tests.benchmarks.bench_tflite [MODEL ...]

Every artifact is made in a process of its own. Latencies are medians of runs taken in turns, with one thread and two;
ratios are kexport's time over the converter's.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.benchmarks.latency import interleaved
from tests.benchmarks.patterns import PATTERNS, RECURRENT
from tests.benchmarks.process import Made, run

OURS = "kexport tflite"
PEER = "tflite converter"
PEER_OF_ONE = "tflite converter, batch 1"
SMALL = {**PATTERNS, **RECURRENT}
MODELS = ("MobileNetV2", "EfficientNetB0", "ConvNeXtTiny", "ResNet50", *SMALL)
THREADS = (1, 2)
REPEATS = 3
ROUNDS = {True: 300, False: 40}
"""Rounds of latency for patterns, which are small, and for models."""
COLUMNS = (
    f"{'':<20}{'seconds':>16}{'':>6}{'extra MiB':>14}{'':>6}{'size':>7}{'error':>10}{'1 thread':>10}{'2 threads':>10}"
)


class Row(NamedTuple):
    """One model: both artifacts, and by number of threads the ratio of their latencies."""

    model: str
    ours: Made
    peer: Made
    error: float
    ratios: dict[int, float]


def main(models: Sequence[str] = MODELS) -> None:
    """Print the table, a line a model, and the geometric mean of the latency ratios of the large ones."""
    print(COLUMNS)
    rows = [measure(model) for model in models]
    large = [ratio for row in rows if row.model not in SMALL for ratio in row.ratios.values()]
    if large:
        mean = math.exp(sum(map(math.log, large)) / len(large))
        print(f"latency ratio of the models, geometric mean over 1 and 2 threads: {mean:.3f}")


def measure(model: str) -> Row:
    """Make both artifacts of a model, the fastest of three processes each, and compare them."""
    with tempfile.TemporaryDirectory() as folder:
        ours, peer = (_best(maker, model, Path(folder)) for maker in (OURS, PEER))
        if ours.error:
            raise SystemExit(f"{model}: {ours.error}")
        if peer.error:
            peer = _best(PEER_OF_ONE, model, Path(folder))
        expected = np.load(Path(folder) / OURS.replace(" ", "-") / "expected.npz")
        runners = {
            t: {m.maker: _Runner(m.path, expected["input"], t) for m in (ours, peer) if not m.error} for t in THREADS
        }
        error = float(np.abs(runners[1][OURS].result() - expected["output"]).max())
        ratios: dict[int, float] = {}
        for threads, pair in runners.items():
            times = interleaved(pair, ROUNDS[model in SMALL])
            ratios[threads] = times[OURS] / times[peer.maker] if peer.maker in times else math.nan
    row = Row(model, ours, peer, error, ratios)
    print(_line(row), flush=True)
    return row


def _best(maker: str, model: str, folder: Path) -> Made:
    tries = [run(maker, model, folder / maker.replace(" ", "-")) for _ in range(REPEATS)]
    return min(tries, key=lambda m: (bool(m.error), m.seconds))


def _line(row: Row) -> str:
    a = row.ours
    b = row.peer
    if b.error:
        return f"{row.model:<20}{a.seconds:>7.2f} / failed: {b.error}"
    memory = a.extra_mib / b.extra_mib if b.extra_mib else math.nan
    note = "  batch 1 from the converter, which failed with a dynamic one" if b.maker == PEER_OF_ONE else ""
    return (
        f"{row.model:<20}{a.seconds:>7.2f} /{b.seconds:>7.2f}{b.seconds / a.seconds:>5.1f}x"
        f"{a.extra_mib:>6.0f} /{b.extra_mib:>6.0f}{memory:>6.2f}{a.size / b.size:>7.3f}{row.error:>10.1e}"
        f"{row.ratios[1]:>10.2f}{row.ratios[2]:>10.2f}{note}"
    )


class _Runner:
    """A model in an Interpreter of its own, ready to be run again and again."""

    def __init__(self, path: str, inputs: Any, threads: int):
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(model_path=path, num_threads=threads)
        self.interpreter.allocate_tensors()
        self.interpreter.set_tensor(self.interpreter.get_input_details()[0]["index"], inputs)
        self.output = self.interpreter.get_output_details()[0]["index"]

    def __call__(self) -> None:
        self.interpreter.invoke()

    def result(self) -> Any:
        """The output of one more run."""
        self()
        return self.interpreter.get_tensor(self.output)


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or MODELS)
