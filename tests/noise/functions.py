"""Measures how far engines' elementary functions lie from the truth: `python -m tests.noise.functions`.

Every function is exported alone and run on a dense grid of float32 numbers. The truth is the same graph in float64. The
columns: the error relative to the result where that is large (in units of 2**-23), the absolute error where it is small
and where it is tiny, and that of what is small by the size of the argument. `kexport/verify/floors.py` is read off it,
and `functions.txt` is what it printed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kexport.capture.capturing import Captured, capture
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.lowered import lower_for, optimize
from kexport.target import Runtime, Target, find_target
from tests.faults.engines import RUNTIMES, run_here

EPSILON = float(np.finfo(np.float32).eps)
LARGE = 0.1
TINY = 1e-3
"""From which magnitude on a result counts as large, and below which as tiny."""
WIDTH = 8
"""Numbers in a row of the grid, but for functions of a whole row."""

ACTIVATIONS = (
    "sigmoid", "tanh", "softplus", "silu", "mish", "elu", "selu", "celu", "gelu", "exponential", "softsign",
    "hard_sigmoid", "hard_silu", "log_sigmoid", "softmax", "log_softmax", "tanh_shrink", "sparse_plus", "squareplus",
)  # fmt: skip
FUNCTIONS = (
    "exp", "expm1", "log", "log1p", "erf", "sqrt", "rsqrt", "sin", "cos", "tan", "sinh", "cosh", "arcsin", "arccos",
    "arctan", "arcsinh", "arccosh", "arctanh", "reciprocal", "square", "logaddexp", "arctan2",
)  # fmt: skip
TWO = ("logaddexp", "arctan2")
HEAD = "ulps where the result is large, absolute errors where it is small, where it is tiny, of what is small by |x|"


@dataclass(frozen=True)
class Measured:
    """One function in one engine."""

    ulps: float
    """The largest relative error of large results, in units in the last place of 1."""
    small: float
    """The largest absolute error of results that are not large."""
    tiny: float
    """The largest absolute error of tiny results."""
    by_argument: float
    """The largest error of results that are not large, by the magnitude of the argument (1 if that is less)."""
    other: int
    """Elements that are not finite on one side only."""

    def line(self) -> str:
        """The numbers."""
        rest = f" {self.other} not finite" * bool(self.other)
        return f"{self.ulps:6.1f} {self.small:8.1e} {self.tiny:8.1e} {self.by_argument:8.1e}{rest}"


def grid(row: int = WIDTH) -> Array:
    """Float32 numbers from -100 to 100, dense near 0: rows of so many numbers."""
    small = np.logspace(-9, 2, 12001)
    values = np.concatenate([np.linspace(-100, 100, 24001), small, -small, np.linspace(-6, 6, 24001)])
    values = np.random.default_rng(0).permutation(values)[: len(values) // row * row]
    return values.reshape(-1, row).astype(np.float32)


def captured(name: str) -> Captured:
    """A model that is one function of its input."""
    import keras

    x = keras.Input((WIDTH,), name="x")
    if name in ACTIVATIONS:
        y = keras.layers.Activation(name)(x)
    elif name in TWO:
        function: Callable[..., Any] = getattr(keras.ops, name)
        y = function(x, x[:, ::-1])
    elif name == "gelu_tanh":
        y = keras.ops.gelu(x, approximate=True)
    else:
        y = getattr(keras.ops, name)(x)
    return capture(keras.Model(x, y, name=name))


def measure(model: Captured, target: Target, runtime: Runtime, folder: Path) -> Measured | str:
    """One function in one engine, or why not."""
    path = folder / f"{model.graph.name}{target.suffix}"
    x = grid()
    try:
        lower_for(target, target.options(), optimize(model.graph), model.contract).write(path)
    except Exception as e:  # noqa: BLE001  what a target cannot write is a line of the table
        return type(e).__name__
    result = run_here(path, target.name, runtime, [{model.contract.inputs[0].name: x}])
    if not result.ok:
        return result.message
    (got,) = result.outputs[0].values()
    return errors(model.graph, x, np.asarray(got))


def errors(graph: Graph, x: Array, got: Array) -> Measured:
    """The errors of results, against the graph in float64."""
    (want,) = evaluate(graph, {graph.inputs[0].name: x}, wide=True).values()
    (plain,) = evaluate(graph, {graph.inputs[0].name: x}).values()
    finite = np.isfinite(want) & np.isfinite(plain)
    both = finite & np.isfinite(got)
    with np.errstate(all="ignore"):
        error = np.where(both, np.abs(got.astype(np.float64) - want), 0)
        size = np.abs(want)
        large = both & (size >= LARGE)
        relative = np.where(large, error / np.maximum(size, LARGE), 0)
    small = both & ~large
    tiny = both & (size < TINY)
    by_argument = error / np.maximum(np.abs(x), 1)
    parts = (float(np.max(e, initial=0.0, where=w)) for e, w in ((error, small), (error, tiny), (by_argument, small)))
    return Measured(float(relative.max(initial=0.0)) / EPSILON, *parts, int((finite & ~both).sum()))


def main() -> int:
    """Print one line for each function, and a column for each engine."""
    parser = argparse.ArgumentParser(prog="python -m tests.noise.functions", description=__doc__)
    parser.add_argument("names", nargs="*", default=[*ACTIVATIONS, "gelu_tanh", *FUNCTIONS])
    parser.add_argument("--targets", nargs="+", choices=RUNTIMES, default=["onnx", "tflite", "tfjs", "savedmodel"])
    args = parser.parse_args()
    chosen = [(t, r) for t in map(find_target, args.targets) for r in t.runtimes() if r.name in RUNTIMES[t.name]]
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names:
            model = captured(name)
            for target, runtime in chosen:
                found = measure(model, target, runtime, Path(folder))
                line = found if isinstance(found, str) else found.line()
                print(f"{name:14} {runtime.name:18} {line[:90]}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
