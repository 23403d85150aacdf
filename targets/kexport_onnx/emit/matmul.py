"""Matrix products."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport_onnx.context import Context, Ref
from kexport_onnx.emit.activation import activate
from kexport_onnx.emit.table import emits


@emits(ops.MatMul)
def matmul(e: Context, node: Node) -> Ref:
    op = node.op
    assert isinstance(op, ops.MatMul)
    a, b = node.inputs
    return e.op("MatMul", _operand(e, a, op.transpose_a), _operand(e, b, op.transpose_b))


def _operand(e: Context, value: Value, transpose: bool) -> Ref:
    rank = value.type.rank
    return e.parameter(value, (*range(rank - 2), rank - 1, rank - 2)) if transpose else e.ref(value)


@emits(ops.Dense)
def dense(e: Context, node: Node) -> Ref:
    """Gemm for matrices; ONNX Runtime fuses what follows into it. MatMul and Add otherwise."""
    op = node.op
    assert isinstance(op, ops.Dense)
    x, w, *bias = e.refs(node)
    rank = node.inputs[0].type.rank
    if rank == 1:  # MatMul of a vector and a matrix
        y = e.op("MatMul", x, w)
    elif rank == 2 and bias and x.dtype.is_float:
        return activate(e, op.activation, e.op("Gemm", x, w, *bias))
    else:
        y = e.op("MatMul", x, w)
    return activate(e, op.activation, e.op("Add", y, *bias) if bias else y)
