"""Faults at the border: inputs and outputs that are swapped, renamed, of another type, or of fixed sizes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from kexport import ops
from kexport.evidence.sizes import BATCH_SIZES
from kexport.ir.contract import Contract, Port
from kexport.ir.graph import Graph, Node
from kexport.ir.types import DType, TensorType
from tests.faults.edits import Edit, Fault, Inapplicable, become, first_node, put


def _swap_outputs(graph: Graph, node: Node) -> None:
    """Two outputs of one type give each other's values."""
    outputs = graph.outputs
    for i, a in enumerate(outputs):
        for j, b in enumerate(outputs[:i]):
            if a.value.type == b.value.type and a.value is not b.value:
                graph._outputs[i], graph._outputs[j] = a._replace(value=b.value), b._replace(value=a.value)
                return
    raise Inapplicable


def _one_output_twice(graph: Graph, node: Node) -> None:
    """Two outputs give the values of the first."""
    outputs = graph.outputs
    for i, a in enumerate(outputs):
        for b in outputs[:i]:
            if a.value.type == b.value.type and a.value is not b.value:
                graph._outputs[i] = a._replace(value=b.value)
                return
    raise Inapplicable


def _swap_inputs(graph: Graph, node: Node) -> None:
    a, b = (graph.inputs * 2)[:2]
    if a is b or a.type != b.type:
        raise Inapplicable
    uses = [(u, b) for u in a.uses] + [(u, a) for u in b.uses]
    for use, value in uses:
        graph.set_operand(use.node, use.index, value)


def _output_type(kinds: tuple[DType, ...], to: DType) -> Edit:
    def edit(graph: Graph, node: Node) -> None:
        chosen = [o for o in graph.outputs if o.value.type.dtype in kinds and o.value.producer is not None]
        if not chosen:
            raise Inapplicable
        value = chosen[0].value
        producer = chosen[0].value.producer
        assert producer is not None
        become(graph, value, lambda v: put(graph, producer, ops.Cast(dtype=to), v))

    return edit


def _retyped(kinds: tuple[DType, ...], to: DType) -> Callable[[Contract], Contract]:
    def change(contract: Contract) -> Contract:
        i = next(i for i, p in enumerate(contract.outputs) if p.type.dtype in kinds)
        port = contract.outputs[i]
        typed = Port(port.name, TensorType(to, port.type.shape))
        return dataclasses.replace(contract, outputs=(*contract.outputs[:i], typed, *contract.outputs[i + 1 :]))

    return change


def _renamed(part: str, name: Callable[[str], str]) -> Callable[[Contract], Contract]:
    def change(contract: Contract) -> Contract:
        ports = tuple(Port(name(p.name), p.type) for p in getattr(contract, part))
        return dataclasses.replace(contract, **{part: ports})

    return change


def _names_turned(contract: Contract) -> Contract:
    names = [p.name for p in contract.outputs][::-1]
    if len(names) < 2:
        raise Inapplicable
    ports = tuple(Port(n, p.type) for n, p in zip(names, contract.outputs, strict=True))
    return dataclasses.replace(contract, outputs=ports)


def _nothing(graph: Graph, node: Node) -> None:
    """The graph stays as it is; the contract does not."""


def _fixed_batch(graph: Graph, node: Node) -> None:
    graph.become(graph.bind(dict.fromkeys(sorted(graph.symbols()), BATCH_SIZES[0])))


def _fixed(contract: Contract) -> Contract:
    return contract.bind(dict.fromkeys(contract.symbols, 1))


_FLOAT = (DType.F32,)
_INT = (DType.I32, DType.I64)

TABLE = (
    Fault("outputs swapped", first_node, _swap_outputs),
    Fault("one output twice", first_node, _one_output_twice),
    Fault("inputs swapped", first_node, _swap_inputs),
    Fault("outputs renamed", first_node, _nothing, _renamed("outputs", lambda n: f"{n}_0")),
    Fault("inputs renamed", first_node, _nothing, _renamed("inputs", lambda n: f"serving_default_{n}")),
    Fault("names of outputs permuted", first_node, _nothing, _names_turned),
    Fault("output in double precision", first_node, _output_type(_FLOAT, DType.F64), _retyped(_FLOAT, DType.F64)),
    Fault("output in half precision", first_node, _output_type(_FLOAT, DType.F16), _retyped(_FLOAT, DType.F16)),
    Fault(
        "whole output in another width",
        first_node,
        _output_type((DType.I32,), DType.I64),
        _retyped((DType.I32,), DType.I64),
    ),
    Fault("whole output as float", first_node, _output_type(_INT, DType.F32), _retyped(_INT, DType.F32)),
    Fault("sizes fixed", first_node, _fixed_batch, _fixed),
)
