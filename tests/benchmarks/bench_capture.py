"""Capture beside the bare trace of the model: how much reading and lowering add to what TensorFlow itself takes.

python -m tests.benchmarks.bench_capture [MODEL ...]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from tests.benchmarks.models import build

MODELS = ("transformer of 12 layers", "EfficientNetB0", "lstm")
ROUNDS = 7


def main(models: tuple[str, ...] = MODELS) -> None:
    """Print medians of interleaved rounds, after one that does not count."""
    print(f"{'model':<28}{'trace s':>9}{'capture s':>11}{'ratio':>7}")
    for name in models:
        from kexport.capture.capturing import capture

        model = build(name)
        ways: list[Callable[[], Any]] = [lambda model=model: _trace(model), lambda model=model: capture(model)]
        rounds = [[_seconds(way) for way in ways] for _ in range(ROUNDS + 1)][1:]
        trace, ours = (median(times) for times in zip(*rounds, strict=True))
        print(f"{name:<28}{trace:>9.3f}{ours:>11.3f}{ours / trace:>7.2f}")


def _trace(model: Any) -> Any:
    """The concrete function of a call with a dynamic batch, as an exporter of TensorFlow starts."""
    import tensorflow as tf

    function = tf.function(lambda x: model(x, training=False))
    return function.get_concrete_function(tf.TensorSpec(model.input_shape, model.inputs[0].dtype))


def _seconds(way: Callable[[], Any]) -> float:
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or MODELS)
