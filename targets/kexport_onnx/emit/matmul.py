"""Matrix products."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.rewrite.fold import MAX_GROWTH
from kexport.rewrite.match import made_by
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref


@EMIT.emits(ops.MatMul)
def matmul(e: Context, op: ops.MatMul, node: Node) -> Ref:
    a, b = node.inputs
    if not op.transpose_a and not op.transpose_b and _of_bytes(a) and _of_bytes(b):
        return _byte_product(e, a, b)
    return e.op("MatMul", _operand(e, a, op.transpose_a), _operand(e, b, op.transpose_b))


def _operand(e: Context, value: Value, transpose: bool) -> Ref:
    """An operand; a large constant that is also read as it stands is transposed by the runtime, and stored once."""
    perm = (*range(value.type.rank - 2), value.type.rank - 1, value.type.rank - 2)
    if not transpose:
        return e.ref(value)
    tied = value.data is not None and value.data.nbytes > MAX_GROWTH and len(value.users) > 1
    return e.op("Transpose", e.ref(value), perm=list(perm)) if tied else e.parameter(value, perm)


_MIDDLE = 128
"""What int8 is moved by to be uint8."""


def _of_bytes(value: Value) -> Value | None:
    """The integers of 8 bits that `value` holds as int32, for a product that is summed up in int32."""
    cast = made_by(value, ops.Cast)
    fits = cast and value.type.dtype is DType.I32 and cast.inputs[0].type.dtype in (DType.I8, DType.U8)
    return cast.inputs[0] if cast and fits else None


def _byte_product(e: Context, a: Value, b: Value) -> Ref:
    """MatMulInteger on uint8: with int8, ONNX Runtime's sums saturate on x86 processors without VNNI."""
    x, x_zero = _as_bytes(e, a)
    y, y_zero = _as_bytes(e, b)
    return e.op("MatMulInteger", x, y, x_zero, y_zero, dtype=DType.I32)


def _as_bytes(e: Context, value: Value) -> tuple[Ref, Ref]:
    """The operand as uint8, and the number there that stands for zero."""
    source = _of_bytes(value)
    assert source is not None
    if source.type.dtype is DType.U8:
        return e.ref(source), e.const(0, DType.U8)
    middle = e.const(_MIDDLE, DType.U8)
    if source.data is not None:
        return e.made_of(source, "as uint8", lambda a: (a.astype(np.int16) + _MIDDLE).astype(np.uint8)), middle
    return e.cast(e.op("Add", e.ref(value), e.const(_MIDDLE, DType.I32)), DType.U8), middle


@EMIT.emits(ops.Dense)
def dense(e: Context, op: ops.Dense, node: Node) -> Ref:
    """Gemm for matrices; ONNX Runtime fuses what follows into it. MatMul and Add otherwise."""
    if len(node.inputs) == 2 and _of_bytes(node.inputs[0]) and _of_bytes(node.inputs[1]):
        return EMIT.activate(e, op.activation, _byte_product(e, *node.inputs))
    x, w, *bias = e.refs(node)
    rank = node.inputs[0].type.rank
    if rank == 1:  # MatMul of a vector and a matrix
        y = e.op("MatMul", x, w)
    elif rank == 2 and bias and x.dtype.is_float:
        return EMIT.activate(e, op.activation, e.op("Gemm", x, w, *bias))
    else:
        y = e.op("MatMul", x, w)
    return EMIT.activate(e, op.activation, e.op("Add", y, *bias) if bias else y)
