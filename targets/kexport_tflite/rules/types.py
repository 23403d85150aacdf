"""Casts operands so that every op computes in a type that its kernel takes."""

from __future__ import annotations

import dataclasses

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.op import Op, RegionOp
from kexport.ir.types import DType
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.narrow import is_narrow
from kexport.rewrite.rule import Replacement
from kexport_tflite.kernels import compute_type
from kexport_tflite.weights import HALF_MIN

_OTHER_FLOATS = (DType.F16, DType.BF16, DType.F64)


def data_operands(node: Node) -> tuple[int, ...]:
    """The operands that have the element type in which a node computes."""
    if isinstance(node.op, (ops.Cast, RegionOp)):
        return ()
    data = node.op.traits.data
    return tuple(range(len(node.inputs))) if data is None else data


@rule()
def widen_types(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    """Half and double precision compute in float32, small integers in int32, both cast back after the op."""
    which = data_operands(node)
    if not which:
        return None
    dtype = node.inputs[which[0]].type.dtype
    wide = compute_type(op, dtype)
    if wide is None or wide is dtype:
        return None
    operands = [cast_value(rewriter, v, wide) if i in which else v for i, v in enumerate(node.inputs)]
    results = rewriter.add_all(_with_types(op), *operands)
    return tuple(
        r if r.type == old.type else rewriter.add(ops.Cast(old.type.dtype), r)
        for r, old in zip(results, node.outputs, strict=True)
    )


def _with_types(op: Op) -> Op:
    wide = {k: DType.F32 for k, v in op.attributes().items() if v in _OTHER_FLOATS}
    return dataclasses.replace(op, **wide) if wide else op


def cast_value(rewriter: Rewriter, value: Value, dtype: DType) -> Value:
    """The value as another type; a constant at once, but large ones in less than 32 bits stay so in the file."""
    if is_narrow(value):
        return rewriter.add(ops.Cast(dtype), value)
    if value.data is not None and (value.data.size < HALF_MIN or value.type.dtype is not DType.F16):
        return rewriter.constant(value.data.astype(dtype.numpy), value.name)
    return rewriter.add(ops.Cast(dtype), value)


@rule(ops.Full, ops.Iota, ops.OneHot)
def create_wide(own: ops.Full | ops.Iota | ops.OneHot, node: Node, rewriter: Rewriter) -> Replacement:
    """Other floats than float32 and small integers are cast from what kernels can make."""
    dtype = node.output.type.dtype
    small = dtype in (DType.I8, DType.I16, DType.U8, DType.U16)
    wide = DType.F32 if dtype in _OTHER_FLOATS else DType.I32 if small else None
    if wide is None:
        return None
    op = dataclasses.replace(own, dtype=wide)  # type: ignore[call-arg]  all three have a dtype
    return rewriter.add(ops.Cast(dtype), rewriter.add(op, *node.inputs))


@rule(ops.Cast)
def drop_rounding(op: ops.Cast, node: Node, rewriter: Rewriter) -> Replacement:
    """float32 to another float and back: models of any precision are computed in float32 throughout."""
    (x,) = node.inputs
    if x.type == node.output.type:
        return x
    above = x.producer
    if above is None or not isinstance(above.op, ops.Cast) or x.type.dtype not in _OTHER_FLOATS:
        return None
    (source,) = above.inputs
    return source if source.type == node.output.type and source.type.dtype is DType.F32 else None


@rule(ops.Gather, ops.GatherNd, ops.ScatterNd, ops.OneHot)
def index_types(
    op: ops.Gather | ops.GatherNd | ops.ScatterNd | ops.OneHot, node: Node, rewriter: Rewriter
) -> Replacement:
    """Indices are int32 or int64; they lie inside an axis, so that int32 holds them."""
    which = 0 if isinstance(op, ops.OneHot) else 1
    indices = node.inputs[which]
    taken = (DType.I32,) if isinstance(op, ops.ScatterNd) else (DType.I32, DType.I64)
    if indices.type.dtype in taken:
        return None
    operands = [cast_value(rewriter, v, DType.I32) if i == which else v for i, v in enumerate(node.inputs)]
    return rewriter.add(op, *operands)


RULES = (widen_types, create_wide, drop_rounding, index_types)
