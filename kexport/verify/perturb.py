"""Rounding made visible: the same graph in float32 with every result moved by a random part of its last place.

One float32 run can agree with the oracle by luck: where values tie (argmax, sorting, thresholds), where an output has
few elements, where it saturates. Perturbed runs show what rounding can do; this is Monte Carlo arithmetic (D. S.
Parker, "Monte Carlo Arithmetic", UCLA CSD-970002, 1997). What is moved is what right kernels differ by: the rounding of
a result, of the terms that it is the sum of (`spread.py`), and the floors of elementary functions (`floors.py`). It
goes through the layers behind it as rounding does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from kexport import ops
from kexport.ir.dim import product
from kexport.ir.graph import Graph, Node
from kexport.ir.op import Array
from kexport.ir.traits import Work
from kexport.ir.types import DType
from kexport.verify.floors import FLOORS, Floor
from kexport.verify.spread import spread
from kexport.verify.tolerance import EPSILONS

HALVES = (DType.F16, DType.BF16)
TINY = float(np.finfo(np.float32).tiny)
"""The least normal float32. What is smaller some engines flush to 0."""


def all_nodes(graph: Graph) -> Iterator[Node]:
    """The nodes of a graph and of the bodies in it."""
    for node in graph.nodes:
        yield node
        for body in node.bodies:
            yield from all_nodes(body)


def needs_perturbing(graph: Graph) -> bool:
    """Whether many runs are needed: something in the graph makes steps of rounding, or is coarse."""
    return any(_is_step(node) or isinstance(node.op, ops.Resize) for node in all_nodes(graph))


def sums_halves(graph: Graph) -> bool:
    """Whether a graph has sums of products in 16 bits, which some kernels add up in 16 bits too, and others in 32."""
    return any(terms_of(node, 1) and node.output.type.dtype in HALVES for node in all_nodes(graph))


class Rounding:
    """Moves each float result by u * eps, u uniform in [-1/2, 1/2], eps the last place of the result or of its parts.

    Whole numbers stay: counts, positions and one-hot rows are exact in floating point, and rounding never moves them.
    """

    def __init__(self, seed: int, *, sums: bool = False, flush: bool = False):
        """What to move.

        Args:
            seed: of the random numbers.
            sums: sums of n products in 16 bits are off by eps * sqrt(n) besides, each column of them alike: what is
                added up in 16 bits is rounded n times, and the rows of a sum of attention are rounded the same way.
            flush: put 0 in the place of subnormal numbers.
        """
        self.rng = np.random.default_rng([seed, 0x5EED])
        self.sums = sums
        self.flush = flush

    def __call__(self, node: Node, results: Sequence[Array]) -> list[Array]:
        """As an observer, which does not see operands."""
        return list(self.results(node, (), tuple(results)))

    def operands(self, node: Node, arrays: list[Array]) -> list[Array]:
        """What a node computes from: moved, if it rounds on the way."""
        if node.op.facts().work is not Work.ROUNDS_INSIDE:
            return arrays
        return [self._rounded(a) if v.type.dtype.is_float else a for a, v in zip(arrays, node.inputs, strict=True)]

    def results(self, node: Node, operands: Sequence[Array], arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        """What a node has computed, moved."""
        plain = arrays
        if not node.op.facts().is_exact:
            found = (self._moved(a, node, operands, v.type.dtype) for a, v in zip(arrays, node.outputs, strict=True))
            arrays = tuple(found)
        if not self.flush:
            return arrays
        floor = FLOORS.get(node.op.name)
        least = floor.absolute / 2 if floor is not None and floor.low == 0 else 0.0
        return tuple(_flushed(a, p, least) for a, p in zip(arrays, plain, strict=True))

    def _noise(self, shape: tuple[int, ...]) -> Array:
        return self.rng.random(shape, np.float32) - np.float32(0.5)

    def _rounded(self, array: Array) -> Array:
        with np.errstate(all="ignore"):
            epsilon = np.float32(EPSILONS.get(str(DType.of(array.dtype)), EPSILONS["f32"]))
            return (array * (1 + self._noise(array.shape) * epsilon)).astype(array.dtype)

    def _moved(self, array: Array, node: Node, operands: Sequence[Array], dtype: DType) -> Array:
        """A float result, moved in the first way that is right for its op."""
        if not dtype.is_float or not array.size:
            return array
        made = _Made(array, node, operands, dtype, self._noise(array.shape))
        with np.errstate(all="ignore"):
            for way in (_by_coarseness, self._by_column, _by_floor, _by_last_place):
                moved = way(made)
                if moved is not None:
                    return moved
        return array

    def _by_column(self, made: _Made) -> Array | None:
        """Sums of n products in 16 bits: as much as n roundings of their total."""
        terms = terms_of(made.node, max(made.array.shape, default=1)) if self.sums and made.dtype in HALVES else 0
        if not terms:
            return None
        column = self._noise(made.array.shape[-1:])
        return (made.array * (1 + column * made.epsilon * np.float32(terms**0.5))).astype(made.array.dtype)


class _Made(NamedTuple):
    """A result, what made it, and random numbers of its shape."""

    array: Array
    node: Node
    operands: Sequence[Array]
    dtype: DType
    noise: Array

    @property
    def epsilon(self) -> Any:
        """The last place of a number near 1."""
        return np.float32(EPSILONS[str(self.dtype)])


def _by_coarseness(made: _Made) -> Array | None:
    """As far as kernels lie apart that do not compute the same."""
    coarse = _coarseness(made.node, made.array, made.operands)
    if not coarse:
        return None
    return (made.array + made.noise * np.float32(coarse * np.abs(made.array).max())).astype(made.array.dtype)


def _by_floor(made: _Made) -> Array | None:
    """As far as elementary functions of engines lie from the truth."""
    floor = FLOORS.get(made.node.op.name)
    if floor is None:
        return None
    amount = made.epsilon * np.abs(made.array) + _amount(floor, made.array, made.operands)
    return _bounded(made.array + made.noise * amount, made.array, floor)


def _by_last_place(made: _Made) -> Array:
    """By the last place of the result, or of the terms that it is the sum of; whole numbers stay."""
    array = made.array
    operands = made.operands
    wide = spread(made.node, operands, array) if operands and made.dtype not in HALVES else None
    size = np.abs(array) if wide is None else np.maximum(np.abs(array), wide)
    moved = (array + made.noise * made.epsilon * size).astype(array.dtype)
    return np.where(_is_whole(array, operands if wide is not None else ()), array, moved)


def rounding_noise(seed: int, *, sums: bool = False) -> Rounding:
    """What moves each float result by a random part of its last place, as an observer too."""
    return Rounding(seed, sums=sums)


def _is_whole(array: Array, parts: Sequence[Array]) -> Array:
    """Which results are whole numbers; 0 as the sum of parts that are not whole is chance."""
    whole: Array = array == np.round(array)
    chance = whole & (array == 0)
    if parts and chance.any() and not all((x == np.round(x)).all() for x in parts):
        return whole & ~chance
    return whole


def _amount(floor: Floor, y: Array, operands: Sequence[Array]) -> Array:
    """The floor of a function at its results, and at its arguments where they are seen."""
    size = np.abs(y)
    total = np.float32(floor.absolute) + np.float32(floor.relative) * size
    if floor.by_argument or floor.by_both:
        x = np.abs(operands[0]) if operands and operands[0].shape == y.shape else np.float32(1)
        total = total + x * (np.float32(floor.by_argument) + np.float32(floor.by_both) * size)
    return total


def _bounded(moved: Array, y: Array, floor: Floor) -> Array:
    """Moved results within the range of the function: reflected at its lower end, so that 0 is not made of what is not
    0, and cut at the upper one, 1, where some kernels end and others at the last number before it.
    """
    if floor.low is not None:
        moved = np.where(moved < floor.low, 2 * floor.low - moved, moved)
    if floor.high is not None:
        last = np.float32(1 - EPSILONS["f32"] / 2)
        moved = np.clip(moved, -floor.high, floor.high)
        moved = np.where(np.abs(y) == floor.high, np.sign(y) * np.maximum(np.abs(moved), last), moved)
    if floor.negative:
        moved = np.where(y < 0, moved, y)
    same = ~np.isfinite(y) | ((y == 0) if floor.low != 0 else False)
    return np.where(same, y, moved).astype(y.dtype)


def _flushed(array: Array, plain: Array, least: float) -> Array:
    """Moved results with 0 for subnormal ones, and for those below the floor of a function that some stop at 0."""
    if array.dtype != np.float32 or not array.size:
        return array
    with np.errstate(invalid="ignore"):
        size = np.abs(plain)
        small = (size < max(TINY, least)) & (plain != 0)
    return np.where(small, np.float32(0), array) if small.any() else array


def terms_of(node: Node, unknown: int) -> int:
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
    to_whole = isinstance(node.op, ops.Cast) and not node.outputs[0].type.dtype.is_float
    return floats and (node.op.traits.steps or to_whole)


def _coarseness(node: Node, array: Array, operands: Sequence[Array]) -> float:
    """How far kernels of an op may be apart, relative to its largest value, other than by rounding.

    TensorFlow's bicubic kernel reads its weights from a table of 1024 steps (resize_bicubic_op.cc, kTableSize), exact
    where all samples fall on steps: (j + 1/2) in/out - 1/2 is whole in 1/1024 if out divides 512 in. Bilinear kernels
    compute where to sample in float32, which is off by the rounding of a coordinate: what counts is the larger of the
    spatial sizes, and neither the batch nor the channels.
    """
    if node.op.name != "resize":
        return 0.0
    method = node.op.attributes()["method"]
    sizes = array.shape[1:-1]
    source = operands[0].shape[1:-1] if operands else node.inputs[0].type.shape[1:-1]
    known = [n if isinstance(n, int) else out for n, out in zip(source, sizes, strict=True)]
    if method == "bicubic" and any(512 * n % out != 0 for n, out in zip(known, sizes, strict=True)):
        return 2.0**-9
    return 0.0 if method == "nearest" else 2 * max((*known, *sizes)) * EPSILONS["f32"]
