"""Turns a legalized graph into a model, ready to be written."""

from __future__ import annotations

import json
from collections.abc import Sequence

from kexport.errors import EmitError
from kexport.ir.contract import Contract
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType
from kexport_tflite.emit import EMIT
from kexport_tflite.emit.context import Context
from kexport_tflite.model import Model, Signature

SIGNATURE = "serving_default"
CONTRACT = "kexport.contract"
"""The metadata entry that holds the contract as JSON."""


def emit(graph: Graph, contract: Contract, *, half_weights: bool = False) -> Model:
    """The model of a graph; every op has been checked before.

    Raises:
        EmitError: the graph's ends are not those of the contract.
    """
    _require_ends(graph, contract)
    model = Model(description="kexport")
    context = Context(model, graph, half_weights=half_weights)
    inputs = {v.name: context.declare(v, v.name) for v in graph.inputs}
    context.finish(graph.inputs)
    outputs, copies = _declare_outputs(context, graph)
    for node in graph.nodes:
        context.origin = node.origin
        EMIT.emitters[type(node.op)](context, node)
        context.finish([v for v in node.outputs if not context.is_constant(v)])
    for value, tensor in copies:
        context.origin = ""
        context.copy(value, tensor)
    context.subgraph.inputs, context.subgraph.outputs = list(inputs.values()), list(outputs.values())
    model.signatures.append(Signature(SIGNATURE, 0, inputs, outputs))
    model.add_metadata(CONTRACT, json.dumps(contract.to_json(), separators=(",", ":")).encode())
    return model


def _declare_outputs(context: Context, graph: Graph) -> tuple[dict[str, int], Sequence[tuple[Value, int]]]:
    """A tensor for each output by name, and those to be copied: inputs, constants and values that are output twice."""
    outputs: dict[str, int] = {}
    copies: list[tuple[Value, int]] = []
    taken: set[Value] = set(graph.inputs)
    for name, value in graph.outputs:
        if value.is_constant or value in taken:
            stand_in = Value(value.type, name)
            outputs[name] = context.declare(stand_in, name)
            copies.append((value, outputs[name]))
        else:
            taken.add(value)
            outputs[name] = context.declare(value, name)
    return outputs, copies


def _require_ends(graph: Graph, contract: Contract) -> None:
    for what, ports, given in (
        ("inputs", contract.inputs, [(v.name, v.type) for v in graph.inputs]),
        ("outputs", contract.outputs, [(o.name, o.value.type) for o in graph.outputs]),
    ):
        wanted = [(p.name, p.type) for p in ports]
        if wanted != given:
            raise EmitError(f"the contract has the {what} {wanted}, the graph {given}", where=graph.name)
    strings = [p.name for p in (*contract.inputs, *contract.outputs) if p.type.dtype is DType.STRING]
    if strings:
        raise EmitError(f"TF Lite models cannot take or give text: {', '.join(strings)}", where=graph.name)
