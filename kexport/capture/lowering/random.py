"""Random numbers that a model draws in every run: all of them from standard normal and uniform ones.

`kexport.capture.draws` says which draw explains what Keras drew, and has to know every op that is lowered here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorflow.python.framework.func_graph import FuncGraph

from kexport import ops
from kexport.capture.draws import LIMIT, draw_of
from kexport.capture.lowering.ancestors import ancestors
from kexport.capture.lowering.arithmetic import Arithmetic
from kexport.capture.lowering.constant_ops import evaluate_op
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.special import erfinv
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim
from kexport.ir.graph import Value
from kexport.ir.types import DType
from kexport.ops import Draw

table = Table()

SEEDS = {"seed", "key", "counter"}
"""What TensorFlow calls the operands that a draw is seeded with."""
INPUT = "make them an input of the model"
NESTED = f"it draws random numbers in a loop, a branch or a function of its own; draw them outside, or {INPUT}"
FIXED = (
    "it draws the same random numbers in every run, from a fixed seed, and as many as an input is large; fix the size, "
    f"take a keras.random.SeedGenerator, or {INPUT}"
)
GIVEN = f"it draws random numbers from a seed that is computed; {INPUT} in place of the seed"


@table.op("RandomStandardNormal", "StatelessRandomNormal", "StatelessRandomNormalV2")
def normal(ctx: Context, op: Any, shape: Value, *seed: Value) -> Value:
    """Numbers of the standard normal distribution."""
    found = _same_each_run(ctx, op, shape, *seed)
    return found if found is not None else ctx.cast(_drawn(ctx, op, ops.RandomNormal, shape), ctx.dtype)


@table.op("RandomUniform", "StatelessRandomUniform", "StatelessRandomUniformV2")
def uniform(ctx: Context, op: Any, shape: Value, *seed: Value) -> Value:
    """Numbers evenly distributed in [0, 1)."""
    found = _same_each_run(ctx, op, shape, *seed)
    return found if found is not None else ctx.cast(_drawn(ctx, op, ops.RandomUniform, shape), ctx.dtype)


@table.op("TruncatedNormal", "StatelessTruncatedNormal", "StatelessTruncatedNormalV2")
def truncated_normal(ctx: Context, op: Any, shape: Value, *seed: Value) -> Value:
    """Normal numbers between -2 and 2: the inverse of their distribution function on uniform ones."""
    found = _same_each_run(ctx, op, shape, *seed)
    if found is not None:
        return found
    part = (Arithmetic(ctx, _drawn(ctx, op, ops.RandomUniform, shape)) - 0.5) * (2 * math.erf(LIMIT / math.sqrt(2)))
    y = Arithmetic(ctx, erfinv(ctx, op, part.value)) * math.sqrt(2)
    return ctx.cast(y.apply(ops.Clip(-LIMIT, LIMIT)).value, ctx.dtype)


@table.op("RandomUniformInt")
def uniform_int(ctx: Context, op: Any, shape: Value, low: Value, high: Value) -> Value:
    """Integers in [low, high)."""
    first, end = (Arithmetic(ctx, ctx.cast(v, DType.F32)) for v in (low, high))
    drawn = Arithmetic(ctx, _drawn(ctx, op, ops.RandomUniform, shape))
    number = (drawn * (end - first)).apply(ops.Floor()) + first
    return ctx.cast(number.apply(ops.Minimum(), end - 1).value, ctx.dtype)


@table.op("StatelessRandomUniformInt", "StatelessRandomUniformIntV2")
def stateless_uniform_int(ctx: Context, op: Any, shape: Value, *rest: Value) -> Value:
    """Integers in [low, high), which come after the seed."""
    found = _same_each_run(ctx, op, shape, *rest)
    return found if found is not None else uniform_int(ctx, op, shape, *rest[-2:])


@table.op("Multinomial", "StatelessMultinomial")
def categorical(ctx: Context, op: Any, logits: Value, count: Value, *seed: Value) -> Value:
    """Classes drawn by their logits [batch, classes]: where logits with Gumbel noise are largest."""
    found = _same_each_run(ctx, op, logits, count, *seed)
    if found is not None:
        return found
    rows, classes = logits.type.shape
    drawn = Arithmetic(ctx, _draw(ctx, op, ops.RandomUniform, (rows, *ctx.dims(count), classes)))
    noise = -(-drawn.apply(ops.Log())).apply(ops.Log())
    scores = noise + Arithmetic(ctx, ctx.reshape(ctx.cast(logits, DType.F32), (rows, 1, classes)))
    return ctx.cast(ctx.emit(ops.ArgMax(2), scores.value), ctx.dtype)


def _drawn(ctx: Context, op: Any, cls: type[Draw], shape: Value) -> Value:
    return _draw(ctx, op, cls, ctx.dims(shape))


def _draw(ctx: Context, op: Any, cls: type[Draw], sizes: Sequence[Dim]) -> Value:
    """The numbers of a draw; formats want one axis at least."""
    if isinstance(op.graph.outer_graph, FuncGraph):
        raise NotLowered(NESTED)
    return ctx.reshape(ctx.emit(cls(tuple(sizes) or (1,), draw_of(op))), tuple(sizes))


def _same_each_run(ctx: Context, op: Any, *operands: Value) -> Value | None:
    """The numbers of a draw from a fixed seed, which are constants; None if they are new in every run."""
    if not op.type.startswith("Stateless"):
        return None
    names = [a.name for a in op.op_def.input_arg]
    before = {o.type for o in ancestors([t for n, t in zip(names, op.inputs, strict=True) if n in SEEDS])}
    if "ReadVariableOp" in before:  # the state of a seed generator, which moves on at every call
        return None
    data = [v.data for v in operands if v.data is not None]
    if len(data) < len(operands):
        raise NotLowered(GIVEN if "Placeholder" in before else FIXED)
    return ctx.constant(evaluate_op(op, data)[0])
