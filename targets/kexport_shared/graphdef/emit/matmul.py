"""Matrix products."""

from __future__ import annotations

from kexport import ops
from kexport.ir.dim import product
from kexport.ir.graph import Node
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.table import COMMON, activate


@COMMON.emits(ops.MatMul)
def matmul(e: Context, op: ops.MatMul, node: Node) -> Ref:
    a, b = e.refs(node)
    if all(v.type.rank == 2 for v in node.inputs):
        return e.op("MatMul", a, b, transpose_a=op.transpose_a, transpose_b=op.transpose_b)
    return e.op("BatchMatMulV2", a, b, adj_x=op.transpose_a, adj_y=op.transpose_b)


@COMMON.emits(ops.Dense)
def dense(e: Context, op: ops.Dense, node: Node) -> Ref:
    """A product of matrices; TensorFlow fuses what follows into it."""
    w, *bias = (e.ref(v) for v in node.inputs[1:])
    y = e.op("MatMul", rows(e, node), w, transpose_a=False, transpose_b=False)
    y = e.op("BiasAdd", y, *bias) if bias and y.dtype.is_float else e.op("AddV2", y, *bias) if bias else y
    return from_rows(e, node, activate(e, op.activation, y))


def rows(e: Context, node: Node) -> Ref:
    """The operand of a dense layer as a matrix."""
    x = e.ref(node.inputs[0])
    shape = node.inputs[0].type.shape
    return x if len(shape) == 2 else e.reshape(x, (product(shape[:-1]), shape[-1]))


def from_rows(e: Context, node: Node, y: Ref) -> Ref:
    """The result of a dense layer in its own shape."""
    shape = node.output.type.shape
    return y if len(shape) == 2 else e.reshape(y, shape)
