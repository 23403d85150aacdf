"""Pooling, channels first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kexport import ops
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Node
from kexport.ops.pool import Pool
from kexport.ops.window import explicit_pads
from kexport_coreml.context import Context
from kexport_coreml.emit.conv import own_padding
from kexport_coreml.emit.table import EMIT
from kexport_coreml.refs import Ref


@EMIT.emits(ops.MaxPool)
def max_pool(e: Context, op: ops.MaxPool, node: Node) -> Ref:
    x = e.ref(node.inputs[0])
    image, pads = own_padding(e, x, _pairs(op, x.shape), -math.inf)
    return _pool(e, "max_pool", op, image, pads, node.output.type.shape)


@EMIT.emits(ops.AvgPool)
def avg_pool(e: Context, op: ops.AvgPool, node: Node) -> Ref:
    """Padding that depends on the input size is counted, so the average of an image of ones is divided by."""
    x = e.ref(node.inputs[0])
    shape = node.output.type.shape
    pairs = _pairs(op, x.shape)
    image, pads = own_padding(e, x, pairs, 0.0)
    y = _pool(e, "avg_pool", op, image, pads, shape)
    if not any(isinstance(p, SymDim) for pair in pairs for p in pair):
        return y
    size = (1, 1, *x.shape[2:])
    ones = e.op("fill", shape=size, dtype=x.dtype, shape_=e.dims(size), value=e.const(1, x.dtype))
    counted = _pool(e, "avg_pool", op, own_padding(e, ones, pairs, 0.0)[0], pads, (1, 1, *shape[2:]))
    return e.elementwise("real_div", y, counted)


def _pairs(op: Pool, shape: Sequence[Dim]) -> Any:
    return explicit_pads(tuple(shape[2:]), op.window, op.strides, (1,) * len(op.window), op.padding)


def _pool(e: Context, kind: str, op: Pool, x: Ref, pads: list[int], shape: Sequence[Dim]) -> Ref:
    return e.op(
        kind,
        shape=shape,
        x=x,
        kernel_sizes=list(op.window),
        strides=list(op.strides),
        pad_type="custom",
        pad=pads,
        ceil_mode=False,
        exclude_padding_from_average=True if kind == "avg_pool" else None,
    )
