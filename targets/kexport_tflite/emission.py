"""Turns a legalized graph into a model, ready to be written."""

from __future__ import annotations

import json
from collections.abc import Mapping

from kexport.errors import EmitError, GraphError
from kexport.ir.contract import Contract
from kexport.ir.dim import Dim
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType
from kexport_tflite.bodies import emit_graph
from kexport_tflite.context import Context
from kexport_tflite.emit import EMIT
from kexport_tflite.model import Model, Signature

SIGNATURE = "serving_default"
_MAX_EXPONENT = 11
CONTRACT = "kexport.contract"
"""The metadata entry that holds the contract as JSON."""


def emit(graph: Graph, contract: Contract, *, half_weights: bool = False) -> Model:
    """The model of a graph; every op has been checked before.

    Raises:
        EmitError: the graph's ends are not those of the contract.
    """
    model, _ = _emitted(graph, contract, half_weights)
    model.add_metadata(CONTRACT, json.dumps(contract.to_json(), separators=(",", ":")).encode())
    return model


def tensor_names(graph: Graph, contract: Contract, *, half_weights: bool = False) -> dict[Value, str]:
    """The names of the tensors that hold the values of a graph; of two values in one tensor, the last to be there."""
    model, context = _emitted(graph, contract, half_weights)
    values = {i: v for v, i in context.values.items() if not context.is_constant(v)}
    return {value: model.subgraphs[0].tensors[index].name for index, value in values.items()}


def _emitted(graph: Graph, contract: Contract, half_weights: bool) -> tuple[Model, Context]:
    """The model without its metadata, and the context after all emitters."""
    _require_ends(graph, contract)
    model = Model(description="kexport")
    context = Context(model, graph, half_weights=half_weights, sizes=default_sizes(graph))
    inputs, outputs = emit_graph(context, graph, EMIT)
    model.signatures.append(Signature(SIGNATURE, 0, inputs, outputs))
    return model, context


def default_sizes(graph: Graph) -> dict[str, Dim]:
    """Sizes of the symbols that a file is loaded with, before anyone resizes it: 1 for the batch, and for others the
    least power of two at which every window fits.
    """
    symbols = graph.symbols()
    batch = {str(v.type.shape[0]) for v in graph.inputs if v.type.rank}
    for exponent in range(_MAX_EXPONENT):
        sizes: dict[str, Dim] = {s: 1 if s in batch else 1 << exponent for s in sorted(symbols)}
        if not symbols - batch or _fits(graph, sizes):
            return sizes
    return dict.fromkeys(sorted(symbols), 1)


def _fits(graph: Graph, sizes: Mapping[str, Dim]) -> bool:
    try:
        graph.bind(sizes)
    except GraphError:
        return False
    return True


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
