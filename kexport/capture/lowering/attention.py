"""Scaled dot-product attention, always as the same nodes."""

from __future__ import annotations

import math
from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()
_HEADS_FIRST = (0, 2, 1, 3)
_LARGE = {DType.F16: 65500.0, DType.F32: 3.38953e38, DType.F64: 3.38953e38}
"""What Keras subtracts (0.7 of it) where a mask is false, by the element type of the logits."""


@table.frame("nn.dot_product_attention")
def attention(
    ctx: Context, query: Any, key: Any, value: Any, bias: Any, mask: Any, scale: Any, is_causal: bool, **_: Any
) -> Value:
    """softmax(q kᵀ * scale + bias, where the mask allows) v; operands and result are [batch, length, heads, size].

    Fewer heads of key and value than of the query are shared. Logits and softmax are in float32 at least.
    """
    dtype = ctx.dtype
    q, k, v = (ctx.transpose(ctx.cast(ctx.value(x), dtype), _HEADS_FIRST) for x in (query, key, value))
    k, v = (_for_heads(ctx, x, q.type.shape[1]) for x in (k, v))
    wide = dtype if dtype is DType.F64 else DType.F32
    logits = ctx.cast(ctx.emit(ops.MatMul(transpose_b=True), q, k), wide)
    logits = ctx.emit(ops.Mul(), logits, _scale(ctx, scale, q, logits))
    if bias is not None:
        logits = ctx.emit(ops.Add(), logits, ctx.cast(ctx.cast(ctx.value(bias), dtype), wide))
    allowed = _mask(ctx, mask, is_causal, logits)
    if allowed is not None:
        logits = ctx.emit(ops.Select(), allowed, logits, ctx.number(_LARGE[wide] * -0.7, logits))
    weights = ctx.cast(ctx.emit(ops.Softmax(-1), logits), dtype)
    return ctx.transpose(ctx.emit(ops.MatMul(), weights, v), _HEADS_FIRST)


def _for_heads(ctx: Context, x: Value, heads: Any) -> Value:
    """Keys or values [batch, groups, length, size] repeated for each head of their group."""
    batch, groups, length, size = x.type.shape
    if groups == heads or groups == 1:
        return x
    if not isinstance(heads, int) or not isinstance(groups, int):
        raise NotLowered("the number of heads is not known")
    apart = ctx.reshape(x, (batch, groups, 1, length, size))
    copies = ctx.broadcast(apart, (batch, groups, heads // groups, length, size))
    return ctx.reshape(copies, (batch, heads, length, size))


def _scale(ctx: Context, scale: Any, q: Value, logits: Value) -> Value:
    if scale is not None:
        return ctx.cast(ctx.value(scale, like=logits), logits.type.dtype)
    size = q.type.shape[-1]
    if not isinstance(size, int):
        raise NotLowered("the size of a head is not known")
    return ctx.number(1 / math.sqrt(size), logits)


def _mask(ctx: Context, mask: Any, is_causal: bool, logits: Value) -> Value | None:
    """Where attention is allowed; None for everywhere."""
    given = None if mask is None else ctx.value(mask)
    if not is_causal:
        return given
    rows, columns = logits.type.shape[-2:]
    row = ctx.reshape(ctx.emit(ops.Iota(rows, DType.I32)), (rows, 1))
    past = ctx.emit(ops.LessEqual(), ctx.emit(ops.Iota(columns, DType.I32)), row)
    past = ctx.reshape(past, (1, 1, rows, columns))
    return past if given is None else ctx.emit(ops.LogicalAnd(), given, past)
