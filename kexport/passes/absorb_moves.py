"""Absorbs moves into the ops after them: broadcasts, transposes, gathers at even steps, reductions of size 1."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import cast

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ops.binary import Binary
from kexport.ops.reduce import Reduce
from kexport.rewrite import Rewriter, RulePass, rule
from kexport.rewrite.match import axes_of, fits, is_single, made_by, uniform
from kexport.rewrite.rule import Replacement


@rule(Binary, ops.Select)
def broadcast_operand(op: Binary | ops.Select, node: Node, rewriter: Rewriter) -> Replacement:
    """Drop the broadcast of an operand; one number everywhere becomes a scalar."""
    for i, value in enumerate(node.inputs):
        narrow = _narrow(value, rewriter)
        operands = (*node.inputs[:i], narrow, *node.inputs[i + 1 :])
        if narrow is not value and fits(node, op, *operands):
            return rewriter.add(op, *operands)
    return None


def _narrow(value: Value, rewriter: Rewriter) -> Value:
    maker = value.producer
    match maker and maker.op:
        case ops.BroadcastTo() if maker:
            return maker.inputs[0]
        case ops.Full(value=number, dtype=dtype):
            return rewriter.constant(np.asarray(number, dtype.numpy))
        case _ if value.data is not None and value.data.size > 1 and uniform(value) is not None:
            return rewriter.constant(value.data.reshape(-1)[0])
        case _:
            return value


@rule(ops.BroadcastTo)
def broadcast_of_constant(op: ops.BroadcastTo, node: Node, rewriter: Rewriter) -> Replacement:
    """A constant scalar in every place is `full`."""
    (x,) = node.inputs
    if x.data is None or x.data.size != 1 or x.data.dtype.kind not in "fiub":
        return None
    return rewriter.add(ops.Full(node.output.type.shape, x.data.item(), x.type.dtype))


@rule(ops.MatMul)
def transposed_operand(op: ops.MatMul, node: Node, rewriter: Rewriter) -> Replacement:
    """Make the transpose of a product's last two axes an attribute of the product."""
    a, b = node.inputs
    if inner := _swapped(a):
        return rewriter.add(replace(op, transpose_a=not op.transpose_a), inner, b)
    if inner := _swapped(b):
        return rewriter.add(replace(op, transpose_b=not op.transpose_b), a, inner)
    return None


def _swapped(value: Value) -> Value | None:
    node = made_by(value, ops.Transpose)
    rank = value.type.rank
    if node is None or node.op != ops.Transpose((*range(rank - 2), rank - 1, rank - 2)):
        return None
    return node.inputs[0]


@rule(Reduce)
def reduce_nothing(op: Reduce, node: Node, rewriter: Rewriter) -> Replacement:
    """Replace the reduction of axes of size 1 by a reshape."""
    (x,) = node.inputs
    if any(x.type.shape[a] != 1 for a in axes_of(node)):
        return None
    return x if x.type == node.output.type else rewriter.add(ops.Reshape(node.output.type.shape), x)


@rule(ops.ReduceSum, ops.ReduceMean, ops.ReduceMax, ops.ReduceMin, ops.ReduceProd, ops.ReduceAny, ops.ReduceAll)
def reduce_of_reduce(
    op: ops.ReduceSum | ops.ReduceMean | ops.ReduceMax | ops.ReduceMin | ops.ReduceProd | ops.ReduceAny | ops.ReduceAll,
    node: Node,
    rewriter: Rewriter,
) -> Replacement:
    """A sum of sums is one sum, where all sums have as many terms."""
    inner = made_by(node.inputs[0], type(op))
    if inner is None or not is_single(node.inputs[0]):
        return None
    gone = set(axes_of(inner))
    left = [i for i in range(inner.inputs[0].type.rank) if inner.op.attributes()["keepdims"] or i not in gone]
    merged = replace(cast(Reduce, op), axes=tuple(sorted(gone | {left[a] for a in axes_of(node)})))
    return rewriter.add(merged, *inner.inputs) if fits(node, merged, *inner.inputs) else None


@rule(ops.Gather)
def gather_of_steps(op: ops.Gather, node: Node, rewriter: Rewriter) -> Replacement:
    """Constant indices at even steps are a slice; all of them backwards are a reverse."""
    x, indices = node.inputs
    if indices.data is None or indices.data.ndim > 1 or not indices.data.size or op.batch_dims:
        return None
    axis = op.axis % x.type.rank
    found = [int(i) for i in indices.data.reshape(-1)]
    steps = {b - a for a, b in pairwise(found)} or {1}
    if steps == {-1} and found[-1] == 0 and x.type.shape[axis] == len(found):
        return rewriter.add(ops.Reverse((axis,)), x)
    step = steps.pop()
    if steps or step < 1:
        return None
    begin = [found[0] if i == axis else 0 for i in range(x.type.rank)]
    end = [found[-1] + 1 if i == axis else d for i, d in enumerate(x.type.shape)]
    strides = [step if i == axis else 1 for i in range(x.type.rank)]
    piece = rewriter.add(ops.Slice(tuple(begin), tuple(end), tuple(strides)), x)
    return piece if piece.type == node.output.type else rewriter.add(ops.Reshape(node.output.type.shape), piece)


@rule(ops.Gather)
def gather_of_the_only_place(op: ops.Gather, node: Node, rewriter: Rewriter) -> Replacement:
    """Replace the repeated gather of an axis of size 1 by a broadcast."""
    x, indices = node.inputs
    if indices.type.rank != 1 or op.batch_dims or x.type.shape[op.axis % x.type.rank] != 1:
        return None
    return rewriter.add(ops.BroadcastTo(node.output.type.shape), x)


PASS = RulePass(
    "absorb_moves",
    (
        broadcast_operand,
        broadcast_of_constant,
        transposed_operand,
        reduce_nothing,
        reduce_of_reduce,
        gather_of_steps,
        gather_of_the_only_place,
    ),
)
