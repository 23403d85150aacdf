"""Ops without operands; fixed small ones have become constants before."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType, TensorType
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT
from kexport_tflite.sizes import emit_numbers


@EMIT(ops.Iota)
def iota(e: Context, op: ops.Iota, node: Node) -> None:
    """RANGE from 0 in steps of 1, int32; legalize does the rest."""
    limit = e.temporary(TensorType(DType.I32, ()))
    e.reshape(e.size(op.length), limit, ())
    e.emit("RANGE", node, e.ints(0), limit, e.ints(1))


@EMIT(ops.Full)
def full(e: Context, op: ops.Full, node: Node) -> None:
    """FILL."""
    e.emit("FILL", node, e.dims(op.shape), e.scalar(op.value, op.dtype))


@EMIT(ops.Dims)
def dims(e: Context, op: ops.Dims, node: Node) -> None:
    """Sizes that are data."""
    sizes = emit_numbers(e, op.dims)
    if op.dtype is DType.I32:
        e.copy_constant(sizes, e.tensor(node.output))
    else:
        e.emit("CAST", node, sizes, in_data_type=DType.I32, out_data_type=op.dtype)


DRAWS: dict[type[ops.Draw], str] = {ops.RandomNormal: "RANDOM_STANDARD_NORMAL", ops.RandomUniform: "RANDOM_UNIFORM"}


@EMIT(*DRAWS)
def draw(e: Context, op: ops.Draw, node: Node) -> None:
    """RANDOM_STANDARD_NORMAL, RANDOM_UNIFORM; seeds of 0 make their numbers new in every run."""
    e.emit(DRAWS[type(op)], node, e.dims(op.shape), seed=0, seed2=0)
