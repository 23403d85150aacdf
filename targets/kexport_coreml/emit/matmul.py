"""Matrix products."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.rewrite.narrow import narrow_constant
from kexport_coreml.context import Context
from kexport_coreml.emit.table import EMIT
from kexport_coreml.refs import Ref

MAX_LINEAR_RANK = 3
"""`linear` takes up to this many axes."""

EMIT.wraps(ops.MatMul)


@EMIT.emits(ops.MatMul)
def matmul(e: Context, op: ops.MatMul, node: Node) -> Ref:
    a, b = e.refs(node)
    return e.op(
        "matmul", shape=node.output.type.shape, x=a, y=b, transpose_x=op.transpose_a, transpose_y=op.transpose_b
    )


@EMIT.emits(ops.Dense)
def dense(e: Context, op: ops.Dense, node: Node) -> Ref:
    """`linear`, whose weight is [N, K], for constant weights; else a product and a sum."""
    x, w, *bias = node.inputs
    shape = node.output.type.shape
    fits = x.type.dtype.is_float and 1 < x.type.rank <= MAX_LINEAR_RANK
    weight = _columns_first(e, w) if fits and all(b.is_constant for b in bias) else None
    if weight is not None:
        y = e.op("linear", shape=shape, x=e.ref(x), weight=weight, bias=e.ref(bias[0]) if bias else None)
        return EMIT.activate(e, op.activation, y)
    row = e.ref(x) if x.type.rank > 1 else e.reshape(e.ref(x), (1, *x.type.shape))
    y = e.op("matmul", shape=(*row.shape[:-1], shape[-1]), x=row, y=e.ref(w), transpose_x=False, transpose_y=False)
    y = e.elementwise("add", y, e.ref(bias[0])) if bias else y
    return e.reshape(EMIT.activate(e, op.activation, y), shape)


def _columns_first(e: Context, w: Value) -> Ref | None:
    """A constant weight as [N, K]; also one whose rows were put in another order and joined to one axis."""
    if w.data is not None:
        return e.weight(w.data, w.name, (1, 0))
    integers = narrow_constant(w)
    if integers is not None and integers.data is not None:
        return e.weight(integers.data, integers.name, (1, 0), dtype=e.computed(w.type.dtype))
    source = w.producer.inputs[0] if w.producer and isinstance(w.producer.op, ops.Reshape) else None
    if source is None or source.data is None or source.data.shape[-1] != w.type.shape[-1]:
        return None
    rank = source.data.ndim
    return e.weight(source.data, source.name, (rank - 1, *range(rank - 1)), w.type.shape[::-1])  # type: ignore[arg-type]
