"""TensorFlow's While, as a loop with bodies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kexport import ops
from kexport.capture.branches import passed
from kexport.capture.context import Context, Found
from kexport.capture.region import Region
from kexport.capture.scope import Scope


def while_loop(scope: Scope, ctx: Context, op: Any, inputs: Sequence[Found]) -> tuple[Found, ...]:
    """A loop. What it passes on as it is, is no state: constants and sizes among that stay known inside."""
    functions = [scope.run.trace.function_graph(op.get_attr(name).name) for name in ("cond", "body")]
    body = functions[1]
    kept = [passed(result) is t for t, result in zip(body.inputs, body.outputs, strict=True)]
    places = [i for i, k in enumerate(kept) if not k]
    state = [ctx.value(inputs[i]) for i in places]
    regions, results = [], []
    for name, graph in zip(("cond", "step"), functions, strict=True):
        given = {id(t): v for t, v, k in zip(graph.inputs, inputs, kept, strict=True) if k}
        region = Region(scope, ctx, op, graph, name, given)
        own = [("state", region.input(graph.inputs[i], v.type)) for i, v in zip(places, state, strict=True)]
        wanted = graph.outputs if name == "cond" else [graph.outputs[i] for i in places]
        results.append(region.values(wanted))
        regions.append((region, own))
    others = list(dict.fromkeys(v for region, _ in regions for v in region.place.brought))
    cond, step = regions
    more = cond[0].finish(cond[1], others, results[0])
    inner = [step[0].place.stand_for(v) for v in others]
    last = ctx.emit_all(ops.While(more, step[0].finish(step[1], others, [*results[1], *inner])), *state, *others)
    found = dict(zip(places, last, strict=False))
    return tuple(found.get(i, v) for i, v in enumerate(inputs))
