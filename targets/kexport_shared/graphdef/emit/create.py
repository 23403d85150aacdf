"""Ops without operands."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.dim import SymDim, product
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.table import COMMON

MAX_CONSTANT = 1 << 16
"""Sequences of up to this many elements are stored, longer ones computed."""
MAX_FULL = 1 << 10
"""The same for one value everywhere."""


@COMMON.emits(ops.Iota)
def iota(e: Context, op: ops.Iota, node: Node) -> Ref:
    dtype = e.dialect.stored(op.dtype)
    if not isinstance(op.length, SymDim) and op.length <= MAX_CONSTANT:
        return e.const(op.evaluate(), dtype, node.origin or "iota")
    last = e.op("Reshape", e.sizes.dim(op.length), e.ints([]))
    x = e.cast(e.op("Range", e.scalar(0), last, e.scalar(1)), dtype)
    if op.step != 1:
        x = e.op("Mul", x, e.const(op.step, dtype))
    return e.op("AddV2", x, e.const(op.start, dtype)) if op.start != 0 else x


@COMMON.emits(ops.Full)
def full(e: Context, op: ops.Full, node: Node) -> Ref:
    dtype = e.dialect.stored(op.dtype)
    count = product(op.shape)
    if not isinstance(count, SymDim) and count <= MAX_FULL:
        return e.const(np.asarray(op.evaluate()), dtype)
    if dtype is DType.BOOL:
        return e.cast(e.full(op.shape, int(op.value), DType.I32), DType.BOOL)
    return e.full(op.shape, op.value, dtype)


@COMMON.emits(ops.Dims)
def dims(e: Context, op: ops.Dims, node: Node) -> Ref:
    return e.cast(e.dims(op.dims), e.dialect.stored(op.dtype))


DRAWS: dict[type[ops.Draw], str] = {ops.RandomNormal: "RandomStandardNormal", ops.RandomUniform: "RandomUniform"}


@COMMON.emits(*DRAWS)
def draw(e: Context, op: ops.Draw, node: Node) -> Ref:
    kind = DRAWS[type(op)]
    return e.op_all(kind, e.dims(op.shape), dtypes=(DType.F32,), dtype=DType.F32, seed=0, seed2=0)[0]
