"""Rounding made visible: the same graph in float32 with every result moved by a random part of its last place.

One float32 run can agree with the oracle by luck, above all where values tie (argmax, sorting, thresholds). Perturbed
runs show what rounding can do; this is Monte Carlo arithmetic (D. S. Parker, "Monte Carlo Arithmetic", UCLA
CSD-970002, 1997). Kernels that are known to be coarser than float32 are moved by as much as they may be off.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kexport import ops
from kexport.ir.dim import product
from kexport.ir.evaluator import Observer
from kexport.ir.graph import Graph, Node
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.verify.tolerance import EPSILONS

EXACT = {
    "reshape", "transpose", "slice", "concat", "split", "reverse", "pad", "tile", "broadcast_to", "gather", "gather_nd",
    "depth_to_space", "space_to_depth", "max_pool", "relu", "relu6", "clip", "maximum", "minimum", "select", "neg",
    "abs", "sign", "floor", "ceil", "round", "reduce_max", "reduce_min", "full", "iota", "one_hot",
}  # fmt: skip
"""Ops whose results are copies or whole numbers: no arithmetic rounds them."""
JUMPS = {"arg_max", "arg_min", "top_k", "floor", "ceil", "round", "floor_div", "mod", "sign", "threshold"}
"""Ops that turn rounding into a visible step."""
CANCELLING = {"gelu": 3.0, "elu": 1.0, "celu": 1.0, "selu": 2.0, "expm1": 1.0}
"""Ops that kernels compute as a difference of numbers near 1, so that results below 0 have the rounding of these."""
SATURATING = {"tanh", "erf", "sigmoid"}
"""Ops that some kernels let end at the last number before 1 or -1, and others at 1 or -1."""
HALVES = (DType.F16, DType.BF16)
COMPARISONS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}


def needs_perturbing(graph: Graph) -> bool:
    """Whether plain runs are not enough: something in the graph makes steps of rounding, or is coarse."""
    return any(_is_step(node) or node.op.name == "resize" for node in graph.nodes)


def sums_halves(graph: Graph) -> bool:
    """Whether a graph has sums of products in 16 bits, which some kernels add up in 16 bits too, and others in 32."""
    return any(_terms(node, 1) and node.output.type.dtype in HALVES for node in graph.nodes)


def rounding_noise(seed: int, *, sums: bool = False) -> Observer:
    """An observer that multiplies each float result by 1 + u * eps, u uniform in [-1/2, 1/2], eps the type's own.

    Whole numbers stay: counts, positions and one-hot rows are exact in floating point, and rounding never moves them.

    Args:
        seed: of the random numbers.
        sums: sums of n products in 16 bits are off by eps * sqrt(n) besides, each column of them alike: what is added
            up in 16 bits is rounded n times, and the rows of a sum of attention are rounded the same way.
    """
    rng = np.random.default_rng([seed, 0x5EED])

    def move(array: Array, node: Node, dtype: DType) -> Array:
        if not dtype.is_float or not array.size:
            return array
        noise = rng.random(array.shape, np.float32) - np.float32(0.5)
        coarse = _coarseness(node, array)
        with np.errstate(all="ignore"):
            if coarse:
                return (array + noise * np.float32(coarse * np.abs(array).max())).astype(array.dtype)
            epsilon = np.float32(EPSILONS[str(dtype)])
            moved = (array * (1 + noise * epsilon)).astype(array.dtype)
            if sums and dtype in HALVES and (terms := _terms(node, max(array.shape, default=1))):
                column = rng.random(array.shape[-1:], np.float32) - np.float32(0.5)
                return (array * (1 + column * epsilon * np.float32(terms**0.5))).astype(array.dtype)
            if least := CANCELLING.get(node.op.name):
                small = (array < 0) & (array > -least)
                moved = np.where(small, array + noise * epsilon * np.float32(least), moved).astype(array.dtype)
            if node.op.name in SATURATING:
                return np.where(np.abs(array) == 1, array * (1 - np.abs(noise) * epsilon), moved).astype(array.dtype)
            return np.where(array == np.round(array), array, moved)

    def observe(node: Node, results: Sequence[Array]) -> list[Array] | None:
        if node.op.name in EXACT:
            return None
        return [move(a, node, v.type.dtype) for a, v in zip(results, node.outputs, strict=True)]

    return observe


def _terms(node: Node, unknown: int) -> int:
    """How many products an element is the sum of; `unknown` where that is open, 0 for other ops."""
    shapes = [v.type.shape for v in node.inputs]
    match node.op:
        case ops.MatMul(transpose_a=transposed):
            found = shapes[0][-2 if transposed else -1]
        case ops.Dense():
            found = shapes[0][-1]
        case ops.Conv() | ops.ConvTranspose():
            found = product(shapes[1][:-1])
        case ops.DepthwiseConv():
            found = product(shapes[1][:-2])
        case _:
            return 0
    return found if isinstance(found, int) else unknown


def farther(a: Array, b: Array, oracle: Array) -> Array:
    """Of two results, element by element the one that lies farther from the oracle."""
    if a.dtype.kind not in "fV":
        return np.where(b != oracle, b, a)
    with np.errstate(all="ignore"):
        wide_a, wide_b = (np.abs(x.astype(np.float64) - oracle) for x in (a, b))
        return np.where(np.isfinite(wide_b) & (wide_b > wide_a), b, a)


def _is_step(node: Node) -> bool:
    floats = any(v.type.dtype.is_float and not v.is_constant for v in node.inputs)
    to_whole = node.op.name == "cast" and not node.outputs[0].type.dtype.is_float
    return floats and (node.op.name in JUMPS or node.op.name in COMPARISONS or to_whole)


def _coarseness(node: Node, array: Array) -> float:
    """How far kernels of an op may be apart, relative to its largest value, other than by rounding.

    TensorFlow's bicubic kernel reads its weights from a table of 1024 steps (resize_bicubic_op.cc, kTableSize), exact
    where all samples fall on steps: (j + 1/2) in/out - 1/2 is whole in 1/1024 if out divides 512 in. Bilinear kernels
    compute where to sample in float32, which is off by the rounding of a coordinate.
    """
    if node.op.name != "resize":
        return 0.0
    method, sizes = node.op.attributes()["method"], node.op.attributes()["size"]
    if method == "bicubic" and any(
        512 * n % out != 0 for n, out in zip(node.inputs[0].type.shape[1:], sizes, strict=False)
    ):
        return 2.0**-9
    return 0.0 if method == "nearest" else 2 * max(array.shape) * EPSILONS["f32"]
