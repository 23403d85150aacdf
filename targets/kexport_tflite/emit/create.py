"""Ops without operands; fixed small ones have become constants before."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ir.types import DType, TensorType
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT
from kexport_tflite.sizes import emit_numbers


@EMIT(ops.Iota)
def iota(context: Context, node: Node) -> None:
    """RANGE from 0 in steps of 1, int32; legalize does the rest."""
    assert isinstance(node.op, ops.Iota)
    limit = context.temporary(TensorType(DType.I32, ()))
    context.reshape(context.size(node.op.length), limit, ())
    context.emit("RANGE", node, context.ints(0), limit, context.ints(1))


@EMIT(ops.Full)
def full(context: Context, node: Node) -> None:
    """FILL."""
    assert isinstance(node.op, ops.Full)
    context.emit("FILL", node, context.dims(node.op.shape), context.scalar(node.op.value, node.op.dtype))


@EMIT(ops.Dims)
def dims(context: Context, node: Node) -> None:
    """Sizes that are data."""
    assert isinstance(node.op, ops.Dims)
    sizes = emit_numbers(context, node.op.dims)
    if node.op.dtype is DType.I32:
        context.copy_constant(sizes, context.tensor(node.output))
    else:
        context.emit("CAST", node, sizes, in_data_type=DType.I32, out_data_type=node.op.dtype)


DRAWS: dict[type[Op], str] = {ops.RandomNormal: "RANDOM_STANDARD_NORMAL", ops.RandomUniform: "RANDOM_UNIFORM"}


@EMIT(*DRAWS)
def draw(context: Context, node: Node) -> None:
    """RANDOM_STANDARD_NORMAL, RANDOM_UNIFORM; seeds of 0 make their numbers new in every run."""
    assert isinstance(node.op, ops.Draw)
    context.emit(DRAWS[type(node.op)], node, context.dims(node.op.shape), seed=0, seed2=0)
