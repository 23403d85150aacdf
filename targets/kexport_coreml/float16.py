"""Chooses the nodes that stay in float32 when a graph is computed in float16.

Most values of a network fit: float16 reaches 65504 and has 11 bits. Some don't, by construction: the -1e9 that masks
attention scores becomes minus infinity (and a row that is masked throughout NaN), an epsilon of 1e-12 becomes zero, a
square overflows from 256 on, and so does the sum of products of integers that a quantized layer makes before it is
scaled. What these reach is computed in float32, up to an op that brings the numbers back into range, such as softmax.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array, Op
from kexport.ir.traits import Growth, Work
from kexport.ir.types import DType
from kexport.ops.binary import Binary
from kexport.ops.reduce import Reduce
from kexport.passes.channels_first import inner
from kexport.target import all_nodes
from kexport_coreml.rules.recurrent import HALF_SINCE
from kexport_shared.emit.recurrent import TimeFirst

GREATEST = float(np.finfo(np.float16).max)
SMALLEST = float(np.finfo(np.float16).smallest_subnormal) / 2
"""Magnitudes up to this are rounded to zero."""
HEADROOM = 2.0
"""The factor by which values on a device may exceed those on the reference's data."""
EXACT = 2048
"""The largest integer up to which every integer is a float16."""

_FLOATS = (DType.F32, DType.F64, DType.BF16)
_NARROW = (DType.BOOL, DType.I4, DType.I8, DType.I16, DType.U4, DType.U8)
"""Types all of whose values are below the largest float16."""
_DEPTH = 16


def keep_float32(graph: Graph, ios: int = HALF_SINCE, layers: Collection[str] = ()) -> list[Node]:
    """Return the nodes of a legalized graph, bodies included, that must be computed in float32, in order.

    Args:
        graph: after `legalize`.
        ios: the oldest system that is to run it.
        layers: paths of layers that are computed in float32 anyhow.
    """
    plan = _Plan()
    kept = {node for node in graph.nodes if plan.visit(node)} | plan.inside
    kept.update(node for node in all_nodes(graph) if node.origin in layers)
    for value in plan.scales:
        _keep_scale(value, kept)
    if ios < HALF_SINCE:
        kept.update(node for node in all_nodes(graph) if isinstance(node.op, TimeFirst))
    return [node for node in all_nodes(graph) if node in kept]


def overflowing_layers(graph: Graph, peaks: Mapping[Value, float], kept: Collection[Node]) -> list[str]:
    """Return further layers that produce or read values beyond float16, besides the nodes in `kept`, in order.

    Args:
        graph: after `legalize`.
        peaks: the greatest magnitude of values on reference data.
        kept: the nodes that are computed in float32.
    """
    high = {value for value, peak in peaks.items() if peak * HEADROOM > GREATEST}
    found = (n for n in graph.nodes if n not in kept and not high.isdisjoint((*n.inputs, *n.outputs)))
    return [path for path in dict.fromkeys(n.origin for n in found) if path]


def _keep_scale(value: Value, kept: set[Node]) -> None:
    """Keep in float32 the product of factors that scale a sum of integers: it can be as large as the sum."""
    node = value.producer
    if node is not None and node not in kept and _makes_scales(node.op):
        kept.add(node)
        for operand in node.inputs:
            _keep_scale(operand, kept)


class _Plan:
    """Follows values that are out of range from their origin.

    Values are `large`, or hold what goes with the next scaling (`passing`): an epsilon, a sum of integers.
    """

    def __init__(self) -> None:
        self.large: set[Value] = set()
        self.passing: set[Value] = set()
        self.scaled: set[Value] = set()
        self.scales: list[Value] = []
        self.inside: set[Node] = set()

    def visit(self, node: Node) -> bool:
        """Return whether a node stays in float32, and mark its results."""
        if node.bodies:
            return self._visit_bodies(node)
        if not any(v.type.dtype in _FLOATS for v in (*node.inputs, *node.outputs)):
            return False
        op = inner(node)
        facts = node.op.facts()
        for value in node.inputs:
            self._mark_constant(value)
        large, passing, scaled = (any(v in s for v in node.inputs) for s in (self.large, self.passing, self.scaled))
        again = _scales_elements(op)
        scaled = scaled and again
        seed = _is_large_seed(node)
        sum_of_integers = isinstance(op, ops.Cast) and _adds_up(node.inputs[0])
        if seed or (large and self._spreads(node)):
            self.large.update(node.outputs)
        if sum_of_integers or (passing and not (facts.multiplies or facts.normalizes)):
            self.passing.update(node.outputs)
        if scaled or (passing and again):
            self.scaled.update(node.outputs)
            self.scales += [v for v in node.inputs if v not in self.passing | self.scaled]
        made = any(v in self.large for v in node.outputs)
        return large or passing or scaled or seed or sum_of_integers or made or _loses_epsilon(op)

    def _visit_bodies(self, node: Node) -> bool:
        """Do so for a loop or branch: it stays if any node in it must. Marks of a loop carry to its next step."""
        bodies = node.bodies
        for value in (*node.inputs, *(o.value for body in bodies for o in body.outputs)):
            self._mark_constant(value)
        kept = any(v in s for v in node.inputs for s in self._marks)
        known = -1
        while known != (known := sum(map(len, self._marks))):
            for body in bodies:
                self._share(node.inputs[len(node.inputs) - len(body.inputs) :], body.inputs)
                for step in body.nodes:
                    kept |= self.visit(step)
                self._share([o.value for o in body.outputs], node.outputs)
            if isinstance(node.op, ops.While):
                self._share(node.outputs, node.op.body.inputs)
        if kept:
            self.inside.update(step for body in bodies for step in all_nodes(body))
        return kept

    @property
    def _marks(self) -> tuple[set[Value], ...]:
        return self.large, self.passing, self.scaled

    def _share(self, sources: Iterable[Value], targets: Iterable[Value]) -> None:
        """Mark values as others are; where the condition of a loop has one result only, the rest is left alone."""
        for source, target in zip(sources, targets, strict=False):
            if target.type.dtype in _FLOATS:
                for marks in self._marks:
                    if source in marks:
                        marks.add(target)

    def _mark_constant(self, value: Value) -> None:
        if value.data is not None and value.type.dtype in _FLOATS:
            if _peak(value.data) > GREATEST:
                self.large.add(value)
            elif value.data.size == 1 and 0 < abs(float(value.data.reshape(-1)[0])) <= SMALLEST:
                self.passing.add(value)

    def _spreads(self, node: Node) -> bool:
        """Return whether results are large if some operands are."""
        if isinstance(node.op, ops.Div):
            return node.inputs[0] in self.large
        facts = node.op.facts()
        return not facts.compresses and facts.range.magnitude > GREATEST


def _scales_elements(op: Op) -> bool:
    """Whether an op scales each number by one: an epsilon has done its work then, a sum of integers got its scale."""
    return op.traits.multiplies and isinstance(op, Binary)


def _makes_scales(op: Op) -> bool:
    """Return whether an op computes or moves factors."""
    return _scales_elements(op) or isinstance(op, ops.Reciprocal) or op.traits.work is Work.MOVES


def _peak(data: Array) -> float:
    """Return the largest magnitude of finite elements."""
    if not data.size:
        return 0.0
    peak = max(float(data.max()), -float(data.min()))
    if np.isfinite(peak):
        return peak
    return float(np.abs(data[np.isfinite(data)], dtype=np.float64).max(initial=0.0))


_SEEDS: dict[type[Op], Callable[[Any], bool]] = {
    ops.Full: lambda op: op.dtype in _FLOATS and np.isfinite(op.value) and abs(op.value) > GREATEST,
    ops.Pad: lambda op: bool(np.isfinite(op.value)) and abs(op.value) > GREATEST,
    ops.Iota: lambda op: op.dtype in _FLOATS and not _counts_exactly(op),
}


def _is_large_seed(node: Node) -> bool:
    """Return whether a node itself produces numbers out of range; squares do if they are summed up."""
    op = inner(node)
    if type(op) in _SEEDS:
        return bool(_SEEDS[type(op)](op))
    if isinstance(op, ops.Cast):
        return op.dtype in _FLOATS and _is_of_sizes(node.inputs[0])
    squares = isinstance(op, ops.Square) or (isinstance(op, ops.Mul) and node.inputs[0] is node.inputs[1])
    return squares and any(isinstance(u.op, Reduce) for u in node.output.users)


def _adds_up(value: Value, depth: int = _DEPTH) -> bool:
    """Whether integers may be sums of products, or of many."""
    dtype = value.type.dtype
    node = value.producer
    if not dtype.is_int or dtype in _NARROW:
        return False
    if node is None:
        return value.data is not None and _peak(value.data) > GREATEST
    if node.op.facts().growth is Growth.GREAT or depth == 0:
        return True
    return any(_adds_up(v, depth - 1) for v in node.inputs)


def _is_of_sizes(value: Value, depth: int = _DEPTH) -> bool:
    """Whether integers are sizes of the input, places in it, or computed from those."""
    node = value.producer
    if node is None or not value.type.dtype.is_int or depth == 0:
        return False
    match inner(node):
        case ops.Dims():
            return True
        case ops.Iota() as op:
            return not isinstance(op.length, int)
        case ops.Cast() | Binary():
            return any(_is_of_sizes(v, depth - 1) for v in node.inputs)
        case op if op.traits.work is Work.MOVES:
            which = op.traits.data
            return any(_is_of_sizes(v, depth - 1) for i, v in enumerate(node.inputs) if which is None or i in which)
        case _:
            return False


def _counts_exactly(op: ops.Iota) -> bool:
    if not isinstance(op.length, int):
        return False
    return max(abs(op.start), abs(op.start + op.step * op.length)) <= EXACT


def _loses_epsilon(op: Any) -> bool:
    epsilon = getattr(op, "epsilon", None)
    return epsilon is not None and 0 < epsilon <= SMALLEST
