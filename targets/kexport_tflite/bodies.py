"""A whole graph as a subgraph: that of the model, or one of a loop or branch."""

from __future__ import annotations

from kexport.ir.graph import Graph, Value
from kexport.target import EmitterTable
from kexport_shared.emit.walk import emit_nodes
from kexport_tflite.context import Context

Ends = tuple[dict[str, int], dict[str, int]]
"""The tensors of the inputs and of the outputs, by name."""


def emit_graph(context: Context, graph: Graph, emitters: EmitterTable, loops: bool = False) -> Ends:
    """Write all of `graph`.

    Args:
        context: an empty subgraph.
        graph: legalized.
        emitters: by op.
        loops: it is the body of a loop, which may hand on an input in its place without a copy.
    """
    inputs = {v.name: context.declare(v, v.name) for v in graph.inputs}
    context.finish(graph.inputs)
    handed_on = set(range(len(graph.inputs))) if loops else set[int]()
    outputs, copies = _declare_outputs(context, graph, handed_on)
    emit_nodes(context, graph, emitters)
    for value, tensor in copies:
        context.origin = ""
        context.copy(value, tensor)
    context.subgraph.inputs, context.subgraph.outputs = list(inputs.values()), list(outputs.values())
    return inputs, outputs


def _declare_outputs(
    context: Context, graph: Graph, handed_on: set[int]
) -> tuple[dict[str, int], list[tuple[Value, int]]]:
    """A tensor for each output by name, and those to be copied: inputs, constants and values that are output twice."""
    outputs: dict[str, int] = {}
    copies: list[tuple[Value, int]] = []
    taken: set[Value] = set(graph.inputs)
    for k, (name, value) in enumerate(graph.outputs):
        if k in handed_on and value is graph.inputs[k]:
            outputs[name] = context.tensor(value)
        elif value.is_constant or value in taken:
            stand_in = Value(value.type, name)
            outputs[name] = context.declare(stand_in, name)
            copies.append((value, outputs[name]))
        else:
            taken.add(value)
            outputs[name] = context.declare(value, name)
    return outputs, copies
