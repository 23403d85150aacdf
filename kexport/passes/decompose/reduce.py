"""Reductions and running totals from simpler ones."""

from __future__ import annotations

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node, Value
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.ops.reduce import Cumulative
from kexport.rewrite import Rewriter, Skip, rule
from kexport.rewrite.body import Body
from kexport.rewrite.term import Term


@rule(ops.Softmax)
def softmax(op: ops.Softmax, node: Node, rewriter: Rewriter) -> Value:
    """e**(x - max) divided by its sum."""
    axes = (_axis(node),)
    x = Term(rewriter, node.inputs[0])
    e = (x - x.of(ops.ReduceMax(axes, keepdims=True))).of(ops.Exp())
    return (e / e.of(ops.ReduceSum(axes, keepdims=True))).value


@rule(ops.LogSoftmax)
def log_softmax(op: ops.LogSoftmax, node: Node, rewriter: Rewriter) -> Value:
    """s - log(sum of e**s) with s = x - max."""
    axes = (_axis(node),)
    x = Term(rewriter, node.inputs[0])
    shifted = x - x.of(ops.ReduceMax(axes, keepdims=True))
    return (shifted - shifted.of(ops.Exp()).of(ops.ReduceSum(axes, keepdims=True)).of(ops.Log())).value


@rule(ops.ReduceAny, ops.ReduceAll)
def reduce_boolean(op: ops.ReduceAny | ops.ReduceAll, node: Node, rewriter: Rewriter) -> Value | None:
    """The greatest or least of 0 and 1."""
    match op:
        case ops.ReduceAny(axes=axes, keepdims=keep):
            over: Op = ops.ReduceMax(axes, keep)
        case ops.ReduceAll(axes=axes, keepdims=keep):
            over = ops.ReduceMin(axes, keep)
        case _:
            return None
    return Term(rewriter, node.inputs[0]).cast(DType.I32).of(over).cast(DType.BOOL).value


@rule(ops.ArgMin)
def arg_min(op: ops.ArgMin, node: Node, rewriter: Rewriter) -> Value | Skip | None:
    """The greatest of -x."""
    x = Term(rewriter, node.inputs[0])
    if not x.type.dtype.is_float:
        return Skip("the least integer has no negative")
    return (-x).of(ops.ArgMax(op.axis, op.dtype, op.keepdims)).value


@rule(ops.CumSum, ops.CumProd)
def cumulative(op: ops.CumSum | ops.CumProd, node: Node, rewriter: Rewriter) -> Value | None:
    """Totals over 1, 2, 4, … elements: each step adds the total that lies so many places before."""
    x = Term(rewriter, node.inputs[0])
    axis = op.axis % x.type.rank
    size = x.type.shape[axis]
    if isinstance(size, SymDim):
        return _step_by_step(node, rewriter, op)
    total = x.of(ops.Reverse((axis,))) if op.reverse else x
    if op.exclusive:
        total = _shifted(op, total, axis, min(1, size))
    step = 1
    while step < size:
        before = _shifted(op, total, axis, step)
        total = total + before if isinstance(op, ops.CumSum) else total * before
        step *= 2
    return (total.of(ops.Reverse((axis,))) if op.reverse else total).value


def _step_by_step(node: Node, rewriter: Rewriter, op: Cumulative) -> Value:
    """A scan along an axis whose size depends on the input."""
    x = node.inputs[0]
    axis = op.axis % x.type.rank
    part = x.type.with_shape((*x.type.shape[:axis], *x.type.shape[axis + 1 :]))
    body = Body("step", node.origin)
    total, item = (Term(body, body.input(name, part)) for name in ("total", "x"))
    new = total + item if isinstance(op, ops.CumSum) else total * item
    step = body.finish({"total": new.value, "y": (total if op.exclusive else new).value})
    start = rewriter.add(ops.Full(part.shape, op.start, part.dtype))
    _, y = rewriter.add_all(ops.Scan(step, 1, 1, axis=axis, reverse=op.reverse), start, x)
    return y


def _shifted(op: Cumulative, x: Term, axis: int, by: int) -> Term:
    """x moved `by` places along the axis; the start value moves in."""
    shape = x.type.shape
    pads = tuple((by if i == axis else 0, 0) for i in range(len(shape)))
    padded = x.of(ops.Pad(pads, value=float(op.start)))
    return padded.of(ops.Slice((0,) * len(shape), shape, (1,) * len(shape)))


def _axis(node: Node) -> int:
    axis: int = node.op.attributes()["axis"]
    return axis


RULES = (softmax, log_softmax, reduce_boolean, arg_min, cumulative)
