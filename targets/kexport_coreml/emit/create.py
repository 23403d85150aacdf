"""Ops without operands."""

from __future__ import annotations

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport_coreml.context import Context
from kexport_coreml.emit.table import EMIT
from kexport_coreml.refs import Ref

MAX_CONSTANT = 1 << 16
"""Sequences of up to this many elements are stored, longer ones computed."""


@EMIT.emits(ops.Iota)
def iota(e: Context, op: ops.Iota, node: Node) -> Ref:
    dtype = e.computed(op.dtype)
    if not isinstance(op.length, SymDim) and op.length <= MAX_CONSTANT:
        return e.const(op.evaluate(), dtype)
    wide = DType.I32 if op.dtype.is_int else DType.F32
    ends = {"end": e.size(op.length), "start": e.const(0, DType.I32), "step": e.const(1, DType.I32)}
    x = e.cast(e.op("range_1d", shape=(op.length,), dtype=DType.I32, **ends), wide)
    if op.step != 1:
        x = e.elementwise("mul", x, e.const(op.step, wide))
    if op.start != 0:
        x = e.elementwise("add", x, e.const(op.start, wide))
    return e.cast(x, dtype)


@EMIT.emits(ops.Full)
def full(e: Context, op: ops.Full, node: Node) -> Ref:
    dtype = e.computed(op.dtype)
    if not op.shape:
        return e.const(op.value, dtype)
    return e.op("fill", shape=op.shape, dtype=dtype, shape_=e.dims(op.shape), value=e.const(op.value, dtype))


@EMIT.emits(ops.Dims)
def dims(e: Context, op: ops.Dims, node: Node) -> Ref:
    made = e.dims(op.dims)
    return made if isinstance(made, Ref) else e.const(made, DType.I32)


@EMIT.emits(ops.RandomNormal)
def random_normal(e: Context, op: ops.RandomNormal, node: Node) -> Ref:
    return _drawn(e, op, "random_normal", mean=0.0, stddev=1.0)


@EMIT.emits(ops.RandomUniform)
def random_uniform(e: Context, op: ops.RandomUniform, node: Node) -> Ref:
    return _drawn(e, op, "random_uniform", low=0.0, high=1.0)


def _drawn(e: Context, op: ops.Draw, kind: str, **settings: float) -> Ref:
    """Numbers of a random operation; a seed of -1 makes them new in every run."""
    dtype = e.computed(DType.F32)
    given = {k: e.const(v, dtype) for k, v in settings.items()}
    return e.op(kind, shape=op.shape, dtype=dtype, shape_=e.dims(op.shape), seed=e.const(-1, DType.I32), **given)
