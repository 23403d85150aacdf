"""Moves transposes towards the outputs, through the ops that don't care, until they meet and cancel.

An op on T(x) becomes T(op' on x), where op' is the op with its axes renamed. A transpose only moves down or
disappears, so the rules reach a fixed point. Targets that compute channels first wrap their convolutions in a pair of
transposes, add rules for their own ops to `SINK`, and end with none between the convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from kexport import ops
from kexport.ir.dim import Dim, SymDim, product
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Op
from kexport.ops.binary import Binary
from kexport.ops.elementwise import Unary
from kexport.ops.reduce import ArgReduce, Cumulative, Reduce
from kexport.passes.layout import only_the_last_shape_counts, to_the_same_shape, transpose_of_ones
from kexport.rewrite import Log, Rewriter, Rule, RulePass, Skip, rule
from kexport.rewrite.rule import Replacement

Perm = tuple[int, ...]
T = TypeVar("T")


def transpose_above(value: Value) -> Node | None:
    """The transpose that makes `value`."""
    node = value.producer
    return node if node is not None and isinstance(node.op, ops.Transpose) else None


def inverse(perm: Perm) -> Perm:
    """Return the inverse permutation."""
    return tuple(sorted(range(len(perm)), key=perm.__getitem__))


def unpermute(values: Sequence[T], perm: Perm) -> tuple[T, ...]:
    """Reorder per-axis values for T(x) into those for x."""
    return tuple(values[i] for i in inverse(perm))


def keeps_order(shape: Sequence[Dim], perm: Perm) -> bool:
    """Return whether a transpose of this shape moves only axes of size 1, so that it is a reshape."""
    moved = [p for p in perm if shape[p] != 1]
    return moved == sorted(moved)


def only_transposed(node: Node) -> bool:
    """Return whether only transposes read the results."""
    users = [u for v in node.outputs for u in v.users]
    assert node.graph is not None
    return (
        bool(users)
        and not any(node.graph.is_output(v) for v in node.outputs)
        and all(isinstance(u.op, ops.Transpose) for u in users)
    )


def _perm(node: Node) -> Perm:
    assert isinstance(node.op, ops.Transpose)
    return node.op.perm


def _sunk(rewriter: Rewriter, op: Op, above: Node, *rest: Value, perm: Perm | None = None) -> Replacement:
    """`op` on what `above` transposes, and the transpose after it."""
    results = rewriter.add_all(op, above.inputs[0], *rest)
    perm = _perm(above) if perm is None else perm
    if perm == tuple(range(len(perm))):
        return results
    return tuple(rewriter.add(ops.Transpose(perm), r) for r in results)


# --- transposes that meet


@rule(ops.Transpose)
def merge_transposes(op: ops.Transpose, node: Node, rewriter: Rewriter) -> Replacement:
    """T(T(x)) is one transpose, or none."""
    perm = _perm(node)
    source = node.inputs[0]
    above = transpose_above(node.inputs[0])
    if above is not None:
        perm = tuple(_perm(above)[p] for p in perm)
        source = above.inputs[0]
    if perm == tuple(range(len(perm))):
        return source
    return None if above is None else rewriter.add(ops.Transpose(perm), source)


# --- ops on one operand


@rule(Unary, ops.Cast)
def sink_through_unary(op: Unary | ops.Cast, node: Node, rewriter: Rewriter) -> Replacement:
    """Elementwise."""
    above = transpose_above(node.inputs[0])
    return None if above is None else _sunk(rewriter, op, above)


@rule(ops.Quantize, ops.Dequantize)
def sink_through_grid(op: ops.Quantize | ops.Dequantize, node: Node, rewriter: Rewriter) -> Replacement:
    """Elementwise; scales may lie along an axis."""
    above = transpose_above(node.inputs[0])
    if above is None:
        return None
    if op.block is not None:
        return Skip("blocks of scales have axes of their own")
    axis = None if op.axis is None else _perm(above)[op.axis]
    return _sunk(rewriter, replace(op, axis=axis), above, *node.inputs[1:])


@rule(ops.Pad, ops.Slice, ops.Reverse, ops.Split)
def sink_through_layout(
    op: ops.Pad | ops.Slice | ops.Reverse | ops.Split, node: Node, rewriter: Rewriter
) -> Replacement:
    """One attribute value for each axis, or the names of axes."""
    above = transpose_above(node.inputs[0])
    return None if above is None else _sunk(rewriter, _rename_axes(op, _perm(above)), above)


@rule(ops.Tile, ops.BroadcastTo, ops.Softmax, ops.LogSoftmax, Cumulative)
def sink_if_it_cancels(
    op: ops.Tile | ops.BroadcastTo | ops.Softmax | ops.LogSoftmax | Cumulative, node: Node, rewriter: Rewriter
) -> Replacement:
    """Leave ops that multiply the operand's elements, or that are fastest on the last axis."""
    above = transpose_above(node.inputs[0])
    if above is None:
        return None
    if node.output.type.rank != len(_perm(above)) or not only_transposed(node):
        return Skip("the transpose would not cancel after it")
    return _sunk(rewriter, _rename_axes(op, _perm(above)), above)


@rule(Reduce, ArgReduce)
def sink_through_reduction(op: Reduce | ArgReduce, node: Node, rewriter: Rewriter) -> Replacement:
    """Axes go; the transpose that is left orders the others."""
    above = transpose_above(node.inputs[0])
    if above is None:
        return None
    perm = _perm(above)
    renamed = _rename_axes(op, perm)
    if op.keepdims:
        return _sunk(rewriter, renamed, above)
    gone = renamed.axes if isinstance(op, Reduce) else (renamed.axis,)
    kept = [p for p in perm if p not in gone]
    return _sunk(rewriter, renamed, above, perm=tuple(sorted(kept).index(p) for p in kept))


@rule(ops.Gather)
def sink_through_gather(op: ops.Gather, node: Node, rewriter: Rewriter) -> Replacement:
    """One axis is replaced by that of the indices, or goes."""
    above = transpose_above(node.inputs[0])
    indices = node.inputs[1]
    if above is None or op.batch_dims or indices.type.rank > 1:
        return None
    perm = _perm(above)
    axis = perm[op.axis]
    kept = [p for p in perm if p != axis]
    order = perm if indices.type.rank else tuple(sorted(kept).index(p) for p in kept)
    return _sunk(rewriter, ops.Gather(axis), above, indices, perm=order)


def _rename_axes(op: Any, perm: Perm) -> Any:
    """`op` on T(x) as the op on x that makes the transposed result."""
    match op:
        case ops.Pad(pads=pads):
            return replace(op, pads=unpermute(pads, perm))
        case ops.Slice(begin=begin, end=end, strides=strides):
            return ops.Slice(unpermute(begin, perm), unpermute(end, perm), unpermute(strides, perm))
        case ops.Tile(reps=reps):
            return ops.Tile(unpermute(reps, perm))
        case ops.BroadcastTo(shape=shape):
            return ops.BroadcastTo(unpermute(shape, perm))
        case ops.Reverse(axes=axes) | Reduce(axes=axes):
            return replace(op, axes=tuple(sorted(perm[a] for a in axes)))
        case _:
            return replace(op, axis=perm[op.axis])


# --- elementwise ops on several operands, and concat


@rule(Binary, ops.Select, ops.Prelu)
def sink_through_elementwise(op: Binary | ops.Select | ops.Prelu, node: Node, rewriter: Rewriter) -> Replacement:
    """The other operands are transposed the other way; that must cost nothing, or pay."""
    return _sink_through_many(node, rewriter, op)


@rule(ops.Concat)
def sink_through_concat(op: ops.Concat, node: Node, rewriter: Rewriter) -> Replacement:
    """Like an elementwise op, along another axis."""
    above = next(filter(None, map(transpose_above, node.inputs)), None)
    return None if above is None else _sink_through_many(node, rewriter, ops.Concat(_perm(above)[op.axis]))


def _sink_through_many(node: Node, rewriter: Rewriter, op: Op) -> Replacement:
    rank = node.output.type.rank
    above = [t for t in map(transpose_above, node.inputs) if t is not None and len(_perm(t)) == rank]
    if not above:
        return None
    perm = _perm(above[0])
    cost = sum(not _is_free(v, perm) for v in dict.fromkeys(node.inputs))
    gain = sum(_perm(t) == perm and len(t.output.uses) == 1 for t in dict.fromkeys(above))
    cancels = only_transposed(node) and all(_perm(u) == inverse(perm) for u in node.output.users)
    if cost and cost >= gain + cancels:
        return Skip("another operand would have to be transposed")
    return rewriter.add(ops.Transpose(perm), rewriter.add(op, *(_untransposed(v, perm, rewriter) for v in node.inputs)))


def _is_free(value: Value, perm: Perm) -> bool:
    """Return whether `value` can be brought to the order of axes before `perm` without moving data."""
    above = transpose_above(value)
    if above is not None and _perm(above) == perm:
        return True
    return value.is_constant or keeps_order(_padded(value, perm), inverse(perm))


def _untransposed(value: Value, perm: Perm, rewriter: Rewriter) -> Value:
    """The value whose transpose by `perm` is `value` (up to leading axes of size 1)."""
    above = transpose_above(value)
    inv = inverse(perm)
    if above is not None and _perm(above) == perm:
        return above.inputs[0]
    padded = _padded(value, perm)
    if all(d == 1 for d in padded):
        return value
    if value.data is not None:
        view = value.data.reshape((1,) * (len(perm) - value.data.ndim) + value.data.shape)
        return rewriter.constant(view.transpose(inv), value.name)
    if not keeps_order(padded, inv):
        return rewriter.add(
            ops.Transpose(inv), value if len(padded) == value.type.rank else rewriter.add(ops.Reshape(padded), value)
        )
    shape = tuple(padded[p] for p in inv)
    return value if shape == value.type.shape else rewriter.add(ops.Reshape(shape), value)


def _padded(value: Value, perm: Perm) -> tuple[Dim, ...]:
    return (1,) * (len(perm) - value.type.rank) + value.type.shape


# --- reshapes


@rule(ops.Dense, ops.MatMul)
def sink_through_flatten(op: ops.Dense | ops.MatMul, node: Node, rewriter: Rewriter) -> Replacement:
    """reshape(T(x)) @ w: the rows of a constant w are put in the order of x instead.

    The new w is a reshape of a transposed view, so that no copy of it exists before it is written.
    """
    flat = node.inputs[0].producer
    w = node.inputs[1]
    if flat is None or not isinstance(flat.op, ops.Reshape) or w.data is None or w.data.ndim != 2:
        return None
    if op in (ops.MatMul(True, False), ops.MatMul(False, True), ops.MatMul(True, True)):
        return None
    above = transpose_above(flat.inputs[0])
    if above is None:
        return None
    shape = above.output.type.shape
    perm = _perm(above)
    kept = flat.output.type.rank - 1
    sizes = [d for d in shape[kept:] if not isinstance(d, SymDim)]
    outer_stays = shape[:kept] == flat.output.type.shape[:-1] and perm[:kept] == tuple(range(kept))
    if not outer_stays or len(sizes) < len(perm) - kept:
        return Skip("the reshape does more than join the transposed axes")
    order = [a - kept for a in inverse(perm)[kept:]]
    rows = rewriter.constant(w.data.reshape(*sizes, -1).transpose(*order, len(order)), w.name)
    x = rewriter.add(ops.Reshape((*shape[:kept], product(sizes))), above.inputs[0])
    return rewriter.add(op, x, rewriter.add(ops.Reshape(w.data.shape), rows), *node.inputs[2:])


@rule(ops.Reshape)
def sink_through_reshape(op: ops.Reshape, node: Node, rewriter: Rewriter) -> Replacement:
    """Axes that a reshape joins or splits move together, where only transposes follow."""
    above = transpose_above(node.inputs[0])
    if above is None or not only_transposed(node):
        return None
    perm = _perm(above)
    shape = node.output.type.shape
    groups = axis_groups(above.output.type.shape, shape)
    if groups is None or not all(_adjacent([perm[i] for i in old]) for old, _ in groups):
        return Skip("the reshape mixes axes that were apart")
    order = [n for _, new in sorted(groups, key=lambda g: perm[g[0][0]]) for n in new]
    return _sunk(rewriter, ops.Reshape(tuple(shape[n] for n in order)), above, perm=inverse(tuple(order)))


@rule(ops.Transpose)
def meet_through_reshape(op: ops.Transpose, node: Node, rewriter: Rewriter) -> Replacement:
    """T(reshape(T(x))) is reshape(T(x)), if the reshape's axes stay together."""
    middle = node.inputs[0].producer
    if middle is None or not isinstance(middle.op, ops.Reshape) or not rewriter.only_use(node.inputs[0]):
        return None
    above = transpose_above(middle.inputs[0])
    perm = _perm(node)
    if above is None:
        return None
    groups = axis_groups(middle.inputs[0].type.shape, middle.output.type.shape)
    place = inverse(perm)
    if groups is None or not all(new and _adjacent([place[n] for n in new]) for _, new in groups):
        return Skip("the reshape mixes axes that end up apart")
    order = tuple(i for old, _ in sorted(groups, key=lambda g: place[g[1][0]]) for i in old)
    return rewriter.add(ops.Reshape(node.output.type.shape), rewriter.add(ops.Transpose(order), middle.inputs[0]))


def axis_groups(old: Sequence[Dim], new: Sequence[Dim]) -> list[tuple[list[int], list[int]]] | None:
    """The smallest runs of axes of equal product that a reshape maps to each other; None if that is undecidable."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) and j < len(new):
        first = (i, j)
        left = old[i]
        right = new[j]
        i = i + 1
        j = j + 1
        while left != right:
            longer = _is_longer(left, right)
            if longer and j < len(new):
                right = right * new[j]
                j = j + 1
            elif longer is False and i < len(old):
                left = left * old[i]
                i = i + 1
            else:
                return None
        groups.append((list(range(first[0], i)), list(range(first[1], j))))
    if groups:
        groups[-1][0].extend(range(i, len(old)))
        groups[-1][1].extend(range(j, len(new)))
    return groups


def _is_longer(left: Dim, right: Dim) -> bool | None:
    """Whether axes on the right are to be joined next to reach the same product."""
    if not isinstance(left, SymDim) and not isinstance(right, SymDim):
        return left > right
    if left == 0 or right == 0:
        return None
    if (left // right) * right == left:
        return True
    return False if (right // left) * left == right else None


def _adjacent(axes: Sequence[int]) -> bool:
    return list(axes) == list(range(axes[0], axes[0] + len(axes)))


SINK = (
    merge_transposes,
    sink_through_unary,
    sink_through_grid,
    sink_through_elementwise,
    sink_through_concat,
    sink_through_layout,
    sink_through_reduction,
    sink_through_gather,
    sink_through_flatten,
    sink_through_reshape,
    meet_through_reshape,
    sink_if_it_cancels,
)
"""The rules that move transposes."""

SETTLE = (merge_transposes, transpose_of_ones, only_the_last_shape_counts, to_the_same_shape)
"""The rules for the remaining transposes. They are separate because a reshape does not sink."""


class SinkTransposes:
    """The pass: `SINK` to rest, then `SETTLE`, until neither finds more; a target's own rules come before."""

    name = "sink_transposes"

    def __init__(self, *extra: Rule):
        self._sink = RulePass(self.name, (*extra, *SINK))
        self._settle = RulePass(self.name, SETTLE)

    def run(self, graph: Graph, log: Log | None = None) -> bool:
        """Edit `graph`; True if anything moved."""
        changed = False
        while self._sink.run(graph, log) | self._settle.run(graph, log):
            changed = True
        return changed


PASS = SinkTransposes()
