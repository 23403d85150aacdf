"""TensorFlow's conditionals, as branches with bodies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context, Found, Handle, scalar
from kexport.capture.lowering.scope import Scope
from kexport.capture.not_lowered import Consequence
from kexport.capture.regions.region import Region, close
from kexport.ir.graph import Value
from kexport.ir.types import DType


def branch(scope: Scope, ctx: Context, op: Any, inputs: Sequence[Found]) -> tuple[Found, ...]:
    """One of two or more functions, all on the same operands. A choice that is known is made here and now."""
    choice, *operands = inputs
    graphs = [scope.run.trace.function_graph(name) for name in _functions(op)]
    chosen = scalar(choice) if isinstance(choice, Value) else None
    if chosen is not None:
        return scope.inline(graphs[_position(op, chosen, len(graphs))], op, operands)
    if isinstance(choice, Handle):
        raise Consequence
    alike = _alike(graphs, operands)
    flag = op.type.endswith("If")
    value = ctx.value(choice)
    if flag and value.type.dtype is not DType.BOOL:
        value = ctx.emit(ops.NotEqual(), value, ctx.constant(np.zeros((), value.type.dtype.numpy)))
    results = iter(_choose(scope, ctx, op, value, graphs, operands, [i for i, a in enumerate(alike) if a is None]))
    return tuple(next(results) if a is None else a for a in alike)


def _functions(op: Any) -> list[str]:
    if op.type.endswith("If"):
        return [op.get_attr(name).name for name in ("then_branch", "else_branch")]
    return [f.name for f in op.get_attr("branches")]


def _position(op: Any, chosen: Any, count: int) -> int:
    if op.type.endswith("If"):
        return 0 if chosen else 1
    return chosen if 0 <= chosen < count else count - 1


def _alike(graphs: Sequence[Any], operands: Sequence[Found]) -> list[Found | None]:
    """Return, for each result, the operand that it equals in every branch, or None."""
    found: list[Found | None] = []
    for results in zip(*(g.outputs for g in graphs), strict=True):
        places = {_place(g.inputs, passed(r)) for g, r in zip(graphs, results, strict=True)}
        place = places.pop() if len(places) == 1 else -1
        found.append(None if place < 0 else operands[place])
    return found


def _place(tensors: Sequence[Any], tensor: Any) -> int:
    return next((i for i, t in enumerate(tensors) if t is tensor), -1)


def passed(tensor: Any) -> Any:
    """Return the tensor that a tensor is a copy of."""
    while tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    return tensor


def _choose(
    scope: Scope,
    ctx: Context,
    op: Any,
    choice: Value,
    graphs: Sequence[Any],
    operands: Sequence[Found],
    wanted: Sequence[int],
) -> tuple[Value, ...]:
    """The wanted results. A choice among several, a number, is a choice between the first and the rest."""
    flag = choice
    if choice.type.dtype is not DType.BOOL:
        flag = ctx.emit(ops.Equal(), choice, ctx.constant(np.zeros((), choice.type.dtype.numpy)))
    then = _region(scope, ctx, op, graphs[0], operands)
    first = then.values([graphs[0].outputs[i] for i in wanted])
    orelse = _region(scope, ctx, op, graphs[-1], operands)
    if len(graphs) <= 2:
        rest: Sequence[Value] = orelse.values([graphs[-1].outputs[i] for i in wanted])
    else:
        one = ctx.constant(np.ones((), choice.type.dtype.numpy))
        number = orelse.place.bring_value(ctx.emit(ops.Sub(), choice, one))
        inner = [v if isinstance(v, Handle) else orelse.place.bring(v) for v in operands]
        rest = _choose(orelse, orelse.ctx, op, number, graphs[1:], inner, wanted)
    others, results = close((then, first), (orelse, rest))
    bodies = [region.finish([], others, r) for region, r in zip((then, orelse), results, strict=True)]
    return ctx.emit_all(ops.If(*bodies), flag, *others)


def _region(scope: Scope, ctx: Context, op: Any, graph: Any, operands: Sequence[Found]) -> Region:
    given = {id(t): v for t, v in zip(graph.inputs, operands, strict=True)}
    return Region(scope, ctx, op, graph, "branch", given)
