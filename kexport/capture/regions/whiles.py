"""TensorFlow's While, as a loop with bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context, Found, Items
from kexport.capture.lowering.scope import Scope
from kexport.capture.not_lowered import NotLowered
from kexport.capture.regions.branches import passed
from kexport.capture.regions.region import Region, close
from kexport.ir.graph import Value

State = dict[int, Found]
"""Values and lists by their places among the operands."""


def while_loop(scope: Scope, ctx: Context, op: Any, inputs: Sequence[Found]) -> tuple[Found, ...]:
    """Lower a loop. Values passed on unchanged are not state, so that constants and sizes stay known inside."""
    cond, body = (scope.run.trace.function_graph(op.get_attr(name).name) for name in ("cond", "body"))
    moved = [passed(r) is not t for t, r in zip(body.inputs, body.outputs, strict=True)]
    kept = {i: v for i, v in enumerate(inputs) if not moved[i]}
    state = {i: v for i, v in enumerate(inputs) if moved[i]}
    step, own, results = _step(scope, ctx, op, body, kept, state)
    while learnt := _learnt(ctx, state, results):
        state |= learnt
        step, own, results = _step(scope, ctx, op, body, kept, state)
    idle = {i: v for i, v in state.items() if isinstance(v, Items) and v.value is None}
    state = {i: v for i, v in state.items() if i not in idle}
    test, flags = _region(scope, ctx, op, cond, kept | idle, state, "cond")
    more = test.values(cond.outputs)
    others, (new, more) = close((step, [_value(results[i]) for i in state]), (test, more))
    inner = [step.place.stand_for(v) for v in others]
    bodies = (
        test.finish([("state", v) for v in flags], others, more),
        step.finish([("state", v) for v in own], others, [*new, *inner]),
    )
    last = ctx.emit_all(ops.While(*bodies), *map(_value, state.values()), *others)
    found = {i: _like(v, x) for (i, v), x in zip(state.items(), last, strict=False)}
    return tuple((kept | idle | found)[i] for i in range(len(inputs)))


def _step(
    scope: Scope, ctx: Context, op: Any, body: Any, kept: State, state: State
) -> tuple[Region, list[Value], State]:
    region, own = _region(scope, ctx, op, body, kept, state, "step")
    region.lower([body.outputs[i] for i in state])
    return region, own, {i: region.resolve(body.outputs[i]) for i in state}


def _region(
    scope: Scope, ctx: Context, op: Any, graph: Any, kept: State, state: State, name: str
) -> tuple[Region, list[Value]]:
    """A function of the loop, and the inputs that hold its state."""
    region = Region(scope, ctx, op, graph, name, {id(graph.inputs[i]): v for i, v in kept.items()})
    own = []
    for i, v in state.items():
        if isinstance(v, Items) and v.value is None:
            region.env[id(graph.inputs[i])] = v
        else:
            own.append(region.place.input(_value(v).type))
            region.env[id(graph.inputs[i])] = _like(v, own[-1])
    return region, own


def _learnt(ctx: Context, state: State, results: Mapping[int, Found]) -> State:
    """Replace lists whose shape follows only from the loop's writes by lists of zeros."""
    learnt: State = {}
    for i, v in state.items():
        result = results[i]
        if isinstance(v, Items) and v.value is None and isinstance(result, Items) and result.value is not None:
            learnt[i] = replace(v, value=ctx.full(result.value.type.shape, 0, v.dtype))
    return learnt


def _value(found: Found) -> Value:
    value = found.value if isinstance(found, Items) else found
    if not isinstance(value, Value):
        raise NotLowered("the state of a loop is a resource or complex numbers")
    return value


def _like(found: Found, value: Value) -> Found:
    return replace(found, value=value) if isinstance(found, Items) else value
