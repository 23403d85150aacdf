"""Questions that rules ask about values and nodes."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.errors import GraphError
from kexport.ir.graph import Node, Value
from kexport.ir.op import Array, Op, infer
from kexport.ir.types import DType

_MOST_UNIFORM = 1 << 16
_MOST_EXACT = 1 << 53


def made_by(value: Value, *kinds: type[Op]) -> Node | None:
    """Return the producer of `value`, if it is one of these ops."""
    node = value.producer
    return node if node is not None and isinstance(node.op, kinds) else None


def uniform(value: Value) -> float | None:
    """Return the number that all elements of a constant (up to 65536 elements) or a `full` share, else None."""
    if value.data is None:
        node = made_by(value, ops.Full)
        return node.op.value if node and isinstance(node.op, ops.Full) else None
    data = value.data
    if not 0 < data.size <= _MOST_UNIFORM or data.dtype.kind in "Oc":
        return None
    first = data.reshape(-1)[0]
    if data.dtype.kind in "iu" and abs(int(first)) > _MOST_EXACT:
        return None
    return float(first) if data.size == 1 or bool((data == first).all()) else None


def is_constant(value: Value) -> bool:
    """Return whether a value is a constant or one number everywhere."""
    return value.is_constant or made_by(value, ops.Full) is not None


def is_single(value: Value) -> bool:
    """Return whether a value has one use and is no output, so that its reader may absorb its producer."""
    node = value.producer
    return len(value.uses) == 1 and not (node and node.graph and node.graph.is_output(value))


def axes_of(node: Node) -> tuple[int, ...]:
    """Return the `axes` of an op, or its one `axis`, counted from the front of its first operand."""
    attributes = node.op.attributes()
    rank = node.inputs[0].type.rank
    axes: tuple[int, ...] = attributes["axes"] if "axes" in attributes else (attributes["axis"],)
    return tuple(a % rank for a in axes)


def is_close(number: float | None, wanted: float, dtype: DType) -> bool:
    """Return whether a constant is a number as a model's author wrote it, rounded a few times to `dtype`."""
    epsilon = {DType.F16: 1e-3, DType.BF16: 8e-3, DType.F64: 1e-12}.get(dtype, 1e-6)
    return number is not None and abs(number - wanted) <= epsilon * abs(wanted)


def vector(value: Value, rank: int, size: int) -> Array | None:
    """Return a constant that varies along the last axis only as float64 of `size`; None if it broadcasts otherwise.

    `rank` is that of the tensor it is combined with.
    """
    if value.data is None or value.type.rank > rank:
        return None
    shape = value.data.shape
    if any(d != 1 for d in shape[:-1]) or (shape and shape[-1] not in (1, size)):
        return None
    return np.broadcast_to(value.data.reshape(-1).astype(np.float64), (size,))


def fits(node: Node, op: Op, *operands: Value) -> bool:
    """Return whether `op` on these operands has the result types of `node`."""
    try:
        types = infer(op, tuple(v.type for v in operands))
    except GraphError:
        return False
    return types == tuple(v.type for v in node.outputs)
