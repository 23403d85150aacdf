"""Fourier transforms of fixed length as matrix products, on complex tensors held as two real ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context, Pair
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import SymDim
from kexport.ir.graph import Value
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.ops.broadcast import broadcast_shapes

table = Table()
LONGEST = 4096
"""The longest transform that is written as a matrix."""


@table.op("Complex")
def complex_(ctx: Context, op: Any, real: Value, imaginary: Value) -> Pair:
    """A complex tensor of its parts."""
    shape = broadcast_shapes(real.type.shape, imaginary.type.shape)
    return Pair(ctx.broadcast(real, shape), ctx.broadcast(imaginary, shape))


@table.op("RFFT")
def rfft(ctx: Context, op: Any, x: Value, length: Value) -> Pair:
    """The transform of real rows, cut or filled up to a length: its first half."""
    return _half(ctx, x, ctx.int(length))


def _half(ctx: Context, x: Value, length: int) -> Pair:
    n = _length(length)
    angle = _angles(n, n // 2 + 1)
    return _halves(ctx, ctx.emit(ops.MatMul(), _fit(ctx, x, n), _matrix(ctx, [[np.cos(angle), -np.sin(angle)]], x)))


@table.op("IRFFT")
def irfft(ctx: Context, op: Any, x: Pair, length: Value) -> Value:
    """The real rows of which this is the first half of the transform."""
    return _from_half(ctx, x, ctx.int(length))


def _from_half(ctx: Context, x: Pair, length: int) -> Value:
    n = _length(length)
    bins = n // 2 + 1
    angle = _angles(n, bins).T
    weight = np.where((np.arange(bins) == 0) | (np.arange(bins) * 2 == n), 1.0, 2.0)[:, None] / n
    parts = [_fit(ctx, part, bins) for part in (x.real, x.imaginary)]
    joined = ctx.emit(ops.Concat(x.real.type.rank - 1), *parts)
    return ctx.emit(ops.MatMul(), joined, _matrix(ctx, [[weight * np.cos(angle)], [-weight * np.sin(angle)]], x.real))


@table.op("FFT", "IFFT")
def fft(ctx: Context, op: Any, x: Pair) -> Pair:
    """The transform of complex rows, or its inverse."""
    return _transform(ctx, x, op.type == "IFFT")


@table.op("FFT2D", "IFFT2D")
def fft2d(ctx: Context, op: Any, x: Pair) -> Pair:
    """The transform over the last two axes, or its inverse."""
    for _ in range(2):
        x = _turned(ctx, _transform(ctx, x, op.type == "IFFT2D"))
    return x


@table.op("RFFT2D")
def rfft2d(ctx: Context, op: Any, x: Value, lengths: Value) -> Pair:
    """The transform of real planes, cut or filled up to a size: its first half along the last axis."""
    rows, columns = ctx.ints(lengths)
    swap = _swapped(x.type.rank)
    x = ctx.transpose(_fit(ctx, ctx.transpose(x, swap), rows), swap)
    return _turned(ctx, _transform(ctx, _turned(ctx, _half(ctx, x, columns)), False))


@table.op("IRFFT2D")
def irfft2d(ctx: Context, op: Any, x: Pair, lengths: Value) -> Value:
    """The real planes of which this is the first half of the transform."""
    rows, columns = ctx.ints(lengths)
    turned = _turned(ctx, x)
    turned = Pair(*(_fit(ctx, part, rows) for part in (turned.real, turned.imaginary)))
    return _from_half(ctx, _turned(ctx, _transform(ctx, turned, True)), columns)


def _swapped(rank: int) -> tuple[int, ...]:
    return (*range(rank - 2), rank - 1, rank - 2)


def _turned(ctx: Context, x: Pair) -> Pair:
    swap = _swapped(x.real.type.rank)
    return Pair(ctx.transpose(x.real, swap), ctx.transpose(x.imaginary, swap))


def _transform(ctx: Context, x: Pair, inverse: bool) -> Pair:
    size = x.real.type.shape[-1]
    if isinstance(size, SymDim):
        return _open_transform(ctx, x, size, inverse)
    n = _length(size)
    cos = np.cos(_angles(n, n))
    sin = np.sin(_angles(n, n))
    cos, sin = (cos / n, -sin / n) if inverse else (cos, sin)
    if x.imaginary.data is not None and not np.any(x.imaginary.data):
        return _halves(ctx, ctx.emit(ops.MatMul(), x.real, _matrix(ctx, [[cos, -sin]], x.real)))
    joined = ctx.emit(ops.Concat(x.real.type.rank - 1), x.real, x.imaginary)
    return _halves(ctx, ctx.emit(ops.MatMul(), joined, _matrix(ctx, [[cos, -sin], [sin, cos]], x.real)))


def _open_transform(ctx: Context, x: Pair, n: SymDim, inverse: bool) -> Pair:
    """A transform of any length: its matrices are made while the model runs."""
    whole = ctx.sizes((n,), DType.I32, rank=0)
    places = ctx.emit(ops.Iota(n, DType.I32))
    turns = ctx.emit(ops.Mod(), ctx.emit(ops.Mul(), ctx.reshape(places, (n, 1)), places), whole)
    dtype = x.real.type.dtype
    share = ctx.emit(ops.Div(), ctx.cast(turns, dtype), ctx.cast(whole, dtype))
    angle = ctx.emit(ops.Mul(), share, ctx.number(2 * np.pi, x.real))
    cos = ctx.emit(ops.Cos(), angle)
    sin = ctx.emit(ops.Sin(), angle)
    if inverse:
        cos, sin = (ctx.emit(ops.Div(), wave, ctx.cast(whole, dtype)) for wave in (cos, ctx.emit(ops.Neg(), sin)))
    (rr, ri), (ir, ii) = ([ctx.emit(ops.MatMul(), part, wave) for wave in (cos, sin)] for part in (x.real, x.imaginary))
    return Pair(ctx.emit(ops.Add(), rr, ii), ctx.emit(ops.Sub(), ir, ri))


def _halves(ctx: Context, y: Value) -> Pair:
    size = y.type.shape[-1] // 2
    return Pair(*ctx.emit_all(ops.Split(y.type.rank - 1, (size, size)), y))


def _matrix(ctx: Context, blocks: list[list[Array]], like: Value) -> Value:
    return ctx.constant(np.block(blocks).astype(like.type.dtype.numpy))


def _angles(n: int, bins: int) -> Array:
    """2 pi t k / n for element t and bin k; the product is reduced modulo n first, to be exact."""
    return 2 * np.pi * (np.outer(np.arange(n), np.arange(bins)) % n) / n


def _fit(ctx: Context, x: Value, size: int) -> Value:
    """x with its last axis cut, or filled up with zeros."""
    rank = x.type.rank
    lead = x.type.shape[:-1]
    given = x.type.shape[-1]
    if not isinstance(given, int):
        raise NotLowered("the length of the rows is not known")
    if given > size:
        return ctx.emit(ops.Slice((0,) * rank, (*lead, size), (1,) * rank), x)
    return ctx.emit(ops.Pad(((0, 0),) * (rank - 1) + ((0, size - given),)), x) if given < size else x


def _length(n: Any) -> int:
    if not isinstance(n, int) or n > LONGEST:
        raise NotLowered(f"a Fourier transform of a length that is not fixed, or above {LONGEST}")
    return n
