"""Tensors of more than five axes: what is done alike along neighbouring axes is done along one.

Each rule puts a reshape before and after an op; reshapes that meet are one, so that the many axes are gone where every
op between two reshapes has such a rule.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from kexport import ops
from kexport.ir.dim import Dim, product
from kexport.ir.graph import Node, Value
from kexport.ops.binary import Binary
from kexport.ops.elementwise import Unary
from kexport.ops.reduce import ArgReduce, Cumulative, Reduce
from kexport.passes.layout import only_the_last_shape_counts
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.match import axes_of
from kexport.rewrite.rule import Replacement

MAX_RANK = 5

Shape = Sequence[Dim]
Groups = list[list[int]]


def group(shape: Shape, kinds: Sequence[Hashable]) -> Groups:
    """Axes in runs of one kind; an axis of size 1 is of any kind."""
    groups: Groups = []
    kind: Hashable = None
    for axis, size in enumerate(shape):
        if not groups or (size != 1 and kind is not None and kinds[axis] != kind):
            groups.append([axis])
            kind = kinds[axis] if size != 1 else None
        else:
            groups[-1].append(axis)
            kind = kinds[axis] if kind is None and size != 1 else kind
    return groups


def merged(shape: Shape, groups: Groups) -> tuple[Dim, ...]:
    """The shape with each group as one axis."""
    return tuple(product(shape[axis] for axis in axes) for axes in groups)


@rule(Unary, Binary, ops.Select, ops.Cast, ops.BroadcastTo)
def elements(
    own: Unary | Binary | ops.Select | ops.Cast | ops.BroadcastTo, node: Node, rewriter: Rewriter
) -> Replacement:
    """Along neighbouring axes the same operands are broadcast, or none."""
    shape = node.output.type.shape
    if len(shape) <= MAX_RANK:
        return None
    rows = [(1,) * (len(shape) - v.type.rank) + v.type.shape for v in node.inputs]
    groups = group(shape, [tuple(row[i] == 1 for row in rows) for i in range(len(shape))])
    if len(groups) > MAX_RANK:
        return None
    operands = [_reshaped(rewriter, v, merged(r, groups)) for v, r in zip(node.inputs, rows, strict=True)]
    op = ops.BroadcastTo(merged(shape, groups)) if isinstance(own, ops.BroadcastTo) else own
    return _reshaped(rewriter, rewriter.add(op, *operands), shape)


@rule(Reduce)
def reduction(op: Reduce, node: Node, rewriter: Rewriter) -> Replacement:
    """Along neighbouring axes all is reduced, or nothing. Where that leaves too many, one of them is reduced first."""
    (x,) = node.inputs
    shape = x.type.shape
    axes = {a for a in axes_of(node) if x.type.shape[a] != 1}
    if len(shape) <= MAX_RANK:
        return None
    groups = group(shape, [axis in axes for axis in range(len(shape))])
    if len(groups) > MAX_RANK:
        first = max(axes)
        less = rewriter.add(replace(op, axes=(first,), keepdims=False), x)
        rest = rewriter.add(replace(op, axes=tuple(a for a in axes_of(node) if a < first), keepdims=False), less)
        return _reshaped(rewriter, rest, node.output.type.shape)
    found = tuple(i for i, run in enumerate(groups) if axes & set(run))
    flat = rewriter.add(replace(op, axes=found, keepdims=False), _reshaped(rewriter, x, merged(shape, groups)))
    return _reshaped(rewriter, flat, node.output.type.shape)


@rule(ops.Softmax, Cumulative, ArgReduce, ops.Reverse)
def along_an_axis(
    op: ops.Softmax | Cumulative | ArgReduce | ops.Reverse, node: Node, rewriter: Rewriter
) -> Replacement:
    """Axes before it are one, and those behind it."""
    (x,) = node.inputs
    shape = x.type.shape
    axes = axes_of(node)
    groups = _few(shape, [axis if axis in axes else -1 for axis in range(len(shape))], axes)
    if groups is None:
        return None
    places = tuple(groups.index([axis]) for axis in axes)
    moved = replace(op, axes=places) if isinstance(op, ops.Reverse) else replace(op, axis=places[0])
    found = rewriter.add(moved, _reshaped(rewriter, x, merged(shape, groups)))
    return _reshaped(rewriter, found, node.output.type.shape)


@rule(ops.Concat, ops.Split)
def pieces(op: ops.Concat | ops.Split, node: Node, rewriter: Rewriter) -> tuple[Value, ...] | None:
    """Axes before the one that is joined or cut are one, and those behind it."""
    (axis,) = axes_of(node)
    shape = node.inputs[0].type.shape
    groups = _few(shape, [i if i == axis else -1 for i in range(len(shape))], (axis,))
    if groups is None:
        return None
    flat = [_reshaped(rewriter, v, merged(v.type.shape, groups)) for v in node.inputs]
    results = rewriter.add_all(replace(op, axis=groups.index([axis])), *flat)
    return tuple(_reshaped(rewriter, r, v.type.shape) for r, v in zip(results, node.outputs, strict=True))


@rule(ops.Slice)
def cut(op: ops.Slice, node: Node, rewriter: Rewriter) -> Replacement:
    """Axes that are taken as a whole are one."""
    (x,) = node.inputs
    shape = x.type.shape
    cuts = zip(shape, op.begin, op.end, op.strides, strict=True)
    whole = [begin == 0 and end == size and stride == 1 for size, begin, end, stride in cuts]
    special = tuple(i for i, w in enumerate(whole) if not w)
    groups = _few(shape, [-1 if w else i for i, w in enumerate(whole)], special)
    if groups is None:
        return None
    flat = merged(shape, groups)
    ends = [
        (0, size, 1) if whole[run[0]] else (op.begin[run[0]], op.end[run[0]], op.strides[run[0]])
        for run, size in zip(groups, flat, strict=True)
    ]
    found = rewriter.add(ops.Slice(*zip(*ends, strict=True)), _reshaped(rewriter, x, flat))
    return _reshaped(rewriter, found, node.output.type.shape)


@rule(ops.MatMul)
def products(op: ops.MatMul, node: Node, rewriter: Rewriter) -> Replacement:
    """The axes of the batch are merged as those of elements are."""
    shape = node.output.type.shape[:-2]
    if len(shape) + 2 <= MAX_RANK:
        return None
    rows = [(1,) * (len(shape) + 2 - v.type.rank) + v.type.shape for v in node.inputs]
    groups = group(shape, [tuple(row[i] == 1 for row in rows) for i in range(len(shape))])
    if len(groups) + 2 > MAX_RANK:
        return None
    flat = [_reshaped(rewriter, v, (*merged(r, groups), *r[-2:])) for v, r in zip(node.inputs, rows, strict=True)]
    return _reshaped(rewriter, rewriter.add(op, *flat), node.output.type.shape)


@rule(ops.Dense)
def dense(op: ops.Dense, node: Node, rewriter: Rewriter) -> Replacement:
    """Every row is multiplied alike."""
    x, *rest = node.inputs
    if x.type.rank <= MAX_RANK:
        return None
    flat = _reshaped(rewriter, x, (product(x.type.shape[:-1]), x.type.shape[-1]))
    return _reshaped(rewriter, rewriter.add(op, flat, *rest), node.output.type.shape)


def _few(shape: Shape, kinds: Sequence[Hashable], alone: Sequence[int] = ()) -> Groups | None:
    """The groups of too many axes, if they are few enough; `alone` are axes that join no other."""
    if len(shape) <= MAX_RANK:
        return None
    groups = group([2] * len(shape) if alone else shape, kinds)
    return groups if len(groups) <= MAX_RANK else None


def _reshaped(rewriter: Rewriter, value: Value, shape: Shape) -> Value:
    if value.type.shape == tuple(shape):
        return value
    if value.data is not None:
        return rewriter.constant(value.data.reshape([int(d) for d in shape]))  # type: ignore[arg-type]
    return rewriter.add(ops.Reshape(tuple(shape)), value)


RULES = (elements, reduction, along_an_axis, pieces, cut, products, dense, only_the_last_shape_counts)
