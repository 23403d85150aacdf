"""Faults of recurrent layers: gates in another framework's order, state that is lost. They are found by their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from tests.faults.edits import Edit, Fault, Inapplicable, first_node

GATES = {"lstm": 4, "gru": 3}
"""Keras' order is input, forget, cell, output; and update, reset, candidate."""


def _constants(graph: Graph, cell: str, *kinds: str) -> list[Value]:
    """The weights of a cell, each once."""
    found = {v: None for n in graph.nodes for v in n.inputs if v.is_constant and f"/{cell}_cell/" in v.name}
    return [v for v in found if any(v.name.endswith(f"/{kind}") for kind in kinds)]


def _weights(change: Callable[[Array], Array], *kinds: str, cells: Sequence[str] = tuple(GATES)) -> Edit:
    """Other weights of one kind in the first cell that has them, for all steps."""

    def edit(graph: Graph, node: Node) -> None:
        values = next((found for cell in cells if (found := _constants(graph, cell, *kinds))), [])
        if not values:
            raise Inapplicable
        for value in values:
            assert value.data is not None
            _exchange(graph, value, np.ascontiguousarray(change(value.data)))

    return edit


def _exchange(graph: Graph, value: Value, data: Array) -> None:
    assert value.data is not None
    made = graph.constant(data.astype(value.data.dtype), f"{value.name}/fault")
    for use in list(value.uses):
        graph.set_operand(use.node, use.index, made)


def _gates(cell: str, order: Sequence[int]) -> Edit:
    """Its gates in another order."""

    def change(array: Array) -> Array:
        return np.concatenate([np.split(array, GATES[cell], axis=-1)[i] for i in order], axis=-1)

    return _weights(change, "kernel", "recurrent_kernel", "bias", cells=(cell,))


def _one_gate(gate: int, value: float) -> Callable[[Array], Array]:
    def change(array: Array) -> Array:
        copy = array.copy()
        size = array.shape[-1] // GATES["lstm"]
        copy[..., gate * size : (gate + 1) * size] = value
        return copy

    return change


def _kernels_for_each_other(graph: Graph, node: Node) -> None:
    """The kernel of the inputs used for the state, and the other way round."""
    for cell in GATES:
        pair = [*_constants(graph, cell, "kernel"), *_constants(graph, cell, "recurrent_kernel")]
        datas = [v.data for v in pair]
        if len(pair) == 2 and datas[0] is not None and datas[1] is not None and datas[0].shape == datas[1].shape:
            _exchange(graph, pair[0], datas[1])
            _exchange(graph, pair[1], datas[0])
            return
    raise Inapplicable


TABLE = (
    Fault("gates as ONNX has them", first_node, _gates("lstm", (0, 3, 1, 2))),
    Fault("gates as Core ML has them", first_node, _gates("lstm", (0, 1, 3, 2))),
    Fault("update for reset gate", first_node, _gates("gru", (1, 0, 2))),
    Fault("forget gate without its bias", first_node, _weights(_one_gate(1, 0.0), "bias", cells=("lstm",))),
    Fault("state lost between steps", first_node, _weights(np.zeros_like, "recurrent_kernel")),
    Fault("recurrent kernel turned", first_node, _weights(lambda w: w[::-1], "recurrent_kernel")),
    Fault("kernel for recurrent kernel", first_node, _kernels_for_each_other),
)
