"""Faults in structure: wrong operands, lost nodes, wrong order in space, time or batch, wrong names and types."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Op
from kexport.ir.types import DType
from tests.faults.edits import (
    Build,
    Edit,
    Fault,
    Inapplicable,
    Where,
    at,
    attributes,
    bypass,
    first_node,
    floats,
    put,
    result,
    swap_operands,
)


def _of_two(*kinds: type[Op]) -> Where:
    """At nodes with two computed operands."""
    return at(*kinds, test=lambda node: not any(v.is_constant for v in node.inputs[:2]))


def _with_constant(*kinds: type[Op]) -> Where:
    return at(*kinds, test=lambda node: any(v.is_constant for v in node.inputs))


def _to(cls: type[Op], **values: Any) -> Edit:
    return attributes(lambda op: cls(**values))


def _small_constant(node: Node) -> bool:
    """At a multiplication by one number, as attention has."""
    return isinstance(node.op, ops.Mul | ops.Div) and any(v.data is not None and v.data.size == 1 for v in node.inputs)


def _unscaled(graph: Graph, node: Node) -> None:
    """Attention without 1/sqrt(depth): the scores, which softmax gets, are multiplied by sqrt(depth)."""
    depth = node.inputs[0].type.shape[-1]
    if not isinstance(depth, int) or not _feeds_softmax(node):
        raise Inapplicable
    result(lambda g, n, v: put(g, n, ops.Mul(), v, g.constant(np.float32(np.sqrt(depth)))))(graph, node)


def _feeds_softmax(node: Node, depth: int = 4) -> bool:
    users = [u for v in node.outputs for u in v.users]
    return any(isinstance(u.op, ops.Softmax) or (depth > 0 and _feeds_softmax(u, depth - 1)) for u in users)


def _extend(graph: Graph, after: Node, value: Value, axis: int, op: type[Op], **values: Any) -> Value:
    """A reduction over the batch, repeated for every sample."""
    one = put(graph, after, op(axes=(axis,), keepdims=True, **values), value)
    return put(graph, after, ops.BroadcastTo(shape=value.type.shape), one)


def _mean_over_batch(graph: Graph, node: Node, value: Value) -> Value:
    return _extend(graph, node, value, 0, ops.ReduceMean)


def _first_sample(graph: Graph, node: Node, value: Value) -> Value:
    shape = value.type.shape
    if not shape or isinstance(shape[0], int):
        raise Inapplicable
    begin = (0,) * len(shape)
    end = (1, *shape[1:])
    one = put(graph, node, ops.Slice(begin=begin, end=end, strides=(1,) * len(shape)), value)
    return put(graph, node, ops.BroadcastTo(shape=shape), one)


def _reverse(axis: int) -> Build:
    def build(graph: Graph, node: Node, value: Value) -> Value:
        rank = value.type.rank
        if not -rank <= axis < rank:
            raise Inapplicable
        return put(graph, node, ops.Reverse(axes=(axis % rank,)), value)

    return build


def _batch_statistics(graph: Graph, node: Node) -> None:
    """Training mode left on: the mean of this batch instead of the moving one."""
    x = node.inputs[0]
    axes = tuple(range(node.inputs[0].type.rank - 1))
    mean = graph.add(ops.ReduceMean(axes=axes, keepdims=True), x, origin="fault", before=node).output
    centred = graph.add(ops.Sub(), x, mean, origin="fault", before=node).output
    graph.set_operand(node, 0, centred)
    data = node.inputs[3].data
    if data is None:
        raise Inapplicable
    graph.set_operand(node, 3, graph.constant(np.zeros_like(data)))


def _reshape_for_transpose(graph: Graph, node: Node) -> None:
    """The elements in their old order under the new shape: rows taken for columns."""
    value = graph.add(ops.Reshape(shape=node.output.type.shape), node.inputs[0], origin="fault", before=node).output
    graph.replace(node.output, value)


def _left_in_place(graph: Graph, node: Node) -> None:
    """What moves elements is left out; where the shape changes, they are read in their old order."""
    if isinstance(node.op, ops.Transpose) and node.inputs[0].type == node.output.type:
        bypass()(graph, node)
    else:
        _reshape_for_transpose(graph, node)


def _permuted(graph: Graph, node: Node, value: Value) -> Value:
    """Height and width exchanged, under the old shape."""
    shape = value.type.shape
    if value.type.rank != 4:
        raise Inapplicable
    turned = put(graph, node, ops.Transpose(perm=(0, 2, 1, 3)), value)
    return put(graph, node, ops.Reshape(shape=shape), turned)


def _aligned_corners(graph: Graph, node: Node) -> None:
    """Bilinear samples at i * (in - 1) / (out - 1)."""
    op: Any = node.op
    if op.method != "bilinear":
        raise Inapplicable
    _resampled(graph, node, _corner_weights)


def _corner_weights(size: int, out: int) -> Any:
    places = np.arange(out) * (size - 1) / max(out - 1, 1)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(size)[None, :]))


def _picked(place: Callable[[int, int], Any]) -> Edit:
    """Nearest samples at other places."""

    def weights(size: int, out: int) -> Any:
        return np.eye(size)[np.clip(place(size, out), 0, size - 1)]

    def edit(graph: Graph, node: Node) -> None:
        op: Any = node.op
        if op.method != "nearest":
            raise Inapplicable
        _resampled(graph, node, weights)

    return edit


def _resampled(graph: Graph, node: Node, weights: Callable[[int, int], Any]) -> None:
    """The node's work done by two products with matrices."""
    x = node.inputs[0]
    _, h, w, c = x.type.shape
    oh, ow = node.output.type.shape[1:3]
    if not all(isinstance(d, int) for d in (h, w, c, oh, ow)):
        raise Inapplicable
    down, right = (graph.constant(weights(*pair).astype(np.float32)) for pair in ((h, oh), (w, ow)))

    def add(op: Op, *operands: Value) -> Value:
        return graph.add(op, *operands, origin="fault", before=node).output

    rows = add(ops.Reshape(shape=(x.type.shape[0], h, w * c)), x)  # type: ignore[operator]
    tall = add(ops.Reshape(shape=(x.type.shape[0], oh, w, c)), add(ops.MatMul(), down, rows))
    graph.replace(node.output, add(ops.MatMul(), right, tall))


def _other_method(graph: Graph, node: Node) -> None:
    op: Any = node.op
    attributes(method="nearest" if op.method == "bilinear" else "bilinear")(graph, node)


def _last_of_equals(graph: Graph, node: Node) -> None:
    """ArgMax that takes the last of equal values: the first in reversed order."""
    op: Any = node.op
    axis = op.axis % node.inputs[0].type.rank
    size = node.inputs[0].type.shape[axis]
    if not isinstance(size, int):
        raise Inapplicable
    turned = graph.add(ops.Reverse(axes=(axis,)), node.inputs[0], origin="fault", before=node).output
    graph.set_operand(node, 0, turned)
    last = graph.constant(np.asarray(size - 1, op.dtype.numpy))
    result(lambda g, n, v: put(g, n, ops.Sub(), last, v))(graph, node)


def _narrow(to: DType) -> Build:
    """An integer that overflows on its way."""

    def build(graph: Graph, node: Node, value: Value) -> Value:
        narrow = put(graph, node, ops.Cast(dtype=to), value)
        return put(graph, node, ops.Cast(dtype=value.type.dtype), narrow)

    return build


def _integers(node: Node) -> bool:
    return len(node.outputs) == 1 and node.output.type.dtype in (DType.I32, DType.I64)


def _clamped(graph: Graph, node: Node) -> None:
    """Indices cut off one before the last."""
    size = node.inputs[0].type.shape[getattr(node.op, "axis", 0)]
    indices = node.inputs[1]
    if not isinstance(size, int) or indices.is_constant:
        raise Inapplicable
    limit = graph.constant(np.asarray(size - 2, indices.type.dtype.numpy))
    graph.set_operand(node, 1, graph.add(ops.Minimum(), indices, limit, origin="fault", before=node).output)


def _one_more(graph: Graph, node: Node) -> None:
    """One-hot positions counted from one."""
    one = graph.constant(np.asarray(1, node.inputs[0].type.dtype.numpy))
    graph.set_operand(node, 0, graph.add(ops.Add(), node.inputs[0], one, origin="fault", before=node).output)


def _shifted_slice(graph: Graph, node: Node) -> None:
    op: Any = node.op
    sizes = node.inputs[0].type.shape
    for axis, (begin, end, size) in enumerate(zip(op.begin, op.end, sizes, strict=True)):
        if isinstance(begin, int) and isinstance(end, int) and isinstance(size, int) and end < size:
            moved = [list(op.begin), list(op.end)]
            moved[0][axis], moved[1][axis] = begin + 1, end + 1
            attributes(begin=tuple(moved[0]), end=tuple(moved[1]))(graph, node)
            return
    raise Inapplicable


def _parts_swapped(graph: Graph, node: Node) -> None:
    a, b = node.outputs[:2]
    if a.type != b.type:
        raise Inapplicable
    uses = [(u, b) for u in a.uses] + [(u, a) for u in b.uses]
    for use, value in uses:
        graph.set_operand(use.node, use.index, value)


def _turned_pads(graph: Graph, node: Node) -> None:
    op: Any = node.op
    attributes(pads=tuple((high, low) for low, high in op.pads))(graph, node)


def _truncated(graph: Graph, node: Node) -> None:
    """Rounded towards zero where it is floor."""
    x = node.inputs[0]
    there = graph.add(ops.Cast(dtype=DType.I32), x, origin="fault", before=node).output
    graph.replace(node.output, graph.add(ops.Cast(dtype=x.type.dtype), there, origin="fault", before=node).output)


def _mask_ignored(graph: Graph, node: Node) -> None:
    """Everything counts as valid."""
    value = node.inputs[1]
    if value.type != node.output.type:
        value = graph.add(ops.BroadcastTo(shape=node.output.type.shape), value, origin="fault", before=node).output
    graph.replace(node.output, value)


def _mask_input_ignored(graph: Graph, node: Node) -> None:
    """A bool input is never read."""
    masks = [v for v in graph.inputs if v.type.dtype is DType.BOOL]
    if not masks:
        raise Inapplicable
    for use in list(masks[0].uses):
        full = graph.add(
            ops.Full(shape=masks[0].type.shape, value=1.0, dtype=DType.BOOL), origin="fault", before=node
        ).output
        graph.set_operand(use.node, use.index, full)


def _inputs(build: Build, rank: int | None = None) -> Edit:
    """Something else in the place of every float input."""

    def edit(graph: Graph, node: Node) -> None:
        chosen = [v for v in graph.inputs if v.type.dtype.is_float and rank in (None, v.type.rank)]
        if not chosen:
            raise Inapplicable
        for value in chosen:
            users = value.users
            head = graph.add(ops.Neg(), value, origin="fault", before=node)
            made = build(graph, head, value)
            for user in users:
                for i, operand in enumerate(user.inputs):
                    if operand is value:
                        graph.set_operand(user, i, made)
            graph.erase(head)

    return edit


TABLE = (
    Fault("operands of a concatenation swapped", at(ops.Concat), swap_operands()),
    Fault("operands of a difference swapped", _of_two(ops.Sub), swap_operands()),
    Fault("operands of a quotient swapped", _of_two(ops.Div), swap_operands()),
    Fault("operands of a product swapped", at(ops.MatMul), swap_operands()),
    Fault(
        "product with a transposed operand",
        at(ops.MatMul),
        attributes(lambda op: dataclasses.replace(op, transpose_b=not op.transpose_b)),
    ),
    Fault("branches swapped", at(ops.Select), swap_operands(1, 2)),
    Fault("comparison turned", at(ops.Less, ops.Greater), swap_operands()),
    Fault("comparison with equality", at(ops.Less), _to(ops.LessEqual)),
    Fault("sum for difference", at(ops.Sub), _to(ops.Add)),
    Fault("difference for sum", _of_two(ops.Add), _to(ops.Sub)),
    Fault("sum for product", _of_two(ops.Mul), _to(ops.Add)),
    Fault("residual connection dropped", _of_two(ops.Add), bypass(0)),
    Fault("branch dropped", _of_two(ops.Add, ops.Mul, ops.Maximum, ops.Minimum), bypass(1)),
    Fault("constant operand dropped", _with_constant(ops.Add, ops.Sub, ops.Mul, ops.Div), bypass(0)),
    Fault("attention not scaled", at(ops.MatMul), _unscaled),
    Fault("mask dropped", at(ops.Select), _mask_ignored),
    Fault("mask input ignored", first_node, _mask_input_ignored),
    Fault("batch collapsed to its mean", floats, result(_mean_over_batch)),
    Fault("first sample for all", lambda n: len(n.outputs) == 1, result(_first_sample)),
    Fault("order of the batch turned", floats, result(_reverse(0))),
    Fault("batch statistics used", at(ops.BatchNorm), _batch_statistics),
    Fault("time turned", first_node, _inputs(_reverse(1), rank=3)),
    Fault(
        "time turned inside",
        at(ops.Conv, ops.Dense, ops.CumSum, test=lambda n: n.output.type.rank == 3),
        result(_reverse(1)),
    ),
    Fault("image upside down", first_node, _inputs(_reverse(1), rank=4)),
    Fault("image mirrored", first_node, _inputs(_reverse(2), rank=4)),
    Fault("channels turned", first_node, _inputs(_reverse(-1))),
    Fault("height and width swapped", first_node, _inputs(_permuted, rank=4)),
    Fault("height and width swapped inside", floats, result(_permuted)),
    Fault("moved elements left in place", at(ops.Transpose), _left_in_place),
    Fault("reversal dropped", at(ops.Reverse), bypass()),
    Fault("corners aligned", at(ops.Resize), _aligned_corners),
    Fault(
        "nearest without half pixels", at(ops.Resize), _picked(lambda n, o: np.floor(np.arange(o) * n / o).astype(int))
    ),
    Fault("nearest rounded", at(ops.Resize), _picked(lambda n, o: np.rint((np.arange(o) + 0.5) * n / o).astype(int))),
    Fault("other interpolation", at(ops.Resize), _other_method),
    Fault("sum excludes its own", at(ops.CumSum), attributes(exclusive=True)),
    Fault("sum from the end", at(ops.CumSum), attributes(reverse=True)),
    Fault("sum along the wrong axis", at(ops.CumSum), attributes(lambda op: dataclasses.replace(op, axis=0))),
    Fault("smallest for largest", at(ops.ArgMax), attributes(lambda op: ops.ArgMin(**op.attributes()))),
    Fault(
        "largest along the wrong axis", at(ops.ArgMax), attributes(lambda op: dataclasses.replace(op, axis=3 - op.axis))
    ),
    Fault("last of equals", at(ops.ArgMax), _last_of_equals),
    Fault("8-bit overflow", _integers, result(_narrow(DType.I8))),
    Fault("16-bit overflow", _integers, result(_narrow(DType.I16))),
    Fault("truncated for floor", at(ops.Floor), _truncated),
    Fault("index cut off", at(ops.Gather), _clamped),
    Fault("one-hot from one", at(ops.OneHot), _one_more),
    Fault("slice off by one", at(ops.Slice), _shifted_slice),
    Fault("parts of a split swapped", at(ops.Split), _parts_swapped),
    Fault("border on the other side", at(ops.Pad), _turned_pads),
)
