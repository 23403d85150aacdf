"""Ops without operands."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref

MAX_CONSTANT = 1 << 16
"""Sequences of up to this many elements are stored, longer ones computed."""


@EMIT.emits(ops.Iota)
def iota(e: Context, op: ops.Iota, node: Node) -> Ref:
    if not isinstance(op.length, SymDim) and op.length <= MAX_CONSTANT:
        return e.const(op.evaluate(), op.dtype, node.origin or "iota")
    count = e.op("Squeeze", e.dim(op.length), e.ints([0]))
    steps = e.op("Range", e.const(0, DType.I64), count, e.const(1, DType.I64))
    wide = DType.I64 if op.dtype.is_int else DType.F64 if op.dtype is DType.F64 else DType.F32
    x = e.cast(steps, wide)
    if op.step != 1:
        x = e.op("Mul", x, e.const(op.step, wide))
    if op.start != 0:
        x = e.op("Add", x, e.const(op.start, wide))
    return e.cast(x, op.dtype)


@EMIT.emits(ops.Full)
def full(e: Context, op: ops.Full, node: Node) -> Ref:
    return e.op("Expand", e.const(np.array(op.value), op.dtype), e.dims(op.shape))


@EMIT.emits(ops.Dims)
def dims(e: Context, op: ops.Dims, node: Node) -> Ref:
    return e.cast(e.dims(op.dims), op.dtype)


DRAWS: dict[type[ops.Draw], str] = {ops.RandomNormal: "RandomNormalLike", ops.RandomUniform: "RandomUniformLike"}


@EMIT.emits(*DRAWS)
def draw(e: Context, op: ops.Draw, node: Node) -> Ref:
    like = e.op("Expand", e.const(np.array(0), DType.F32), e.dims(op.shape))
    return e.op(DRAWS[type(op)], like)
