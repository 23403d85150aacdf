"""Runs the emitters over a graph: a program, and its inputs and outputs under their public names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kexport.ir.contract import Contract, Port
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.types import DType
from kexport.target import EmitterTable
from kexport_coreml.context import Context
from kexport_coreml.dtypes import at_the_border, computed
from kexport_coreml.refs import Call, Program, Ref, identifier
from kexport_shared.emit.ends import require_ends
from kexport_shared.emit.walk import emit_nodes


@dataclass
class Emission:
    """A program with the tensors that enter and leave it, in the order of the contract."""

    program: Program
    inputs: list[Ref]
    outputs: list[Ref]
    names: dict[str, dict[str, str]] = field(default_factory=dict[str, "dict[str, str]"])
    """Public names that Core ML doesn't allow, by their replacements, separately for inputs and outputs."""
    tensors: dict[Value, str] = field(default_factory=dict["Value", str])
    """The names of the graph's values."""


def emit(
    graph: Graph,
    contract: Contract,
    emitters: EmitterTable,
    ios: int,
    precision: DType = DType.F32,
    exceptions: Sequence[Node] = (),
) -> Emission:
    """Emit a legalized graph; `exceptions` are computed in float32 whatever the precision is.

    Raises:
        EmitError: a node cannot be emitted in this form; names the layer path.
        UnsupportedError: nodes without an emitter, all of them.
    """
    emitters.check(graph)
    require_ends(graph, contract)
    e = Context(graph, ios, precision, exceptions)
    input_names = [e.unique(identifier(p.name)) for p in contract.inputs]
    output_names = [e.unique(identifier(p.name)) for p in contract.outputs]
    inputs = [_enter(e, value, name) for value, name in zip(graph.inputs, input_names, strict=True)]
    emit_nodes(e, graph, emitters)
    outputs, rename = _leave(e, graph, output_names)
    own = [*graph.inputs, *(v for node in graph.nodes for v in node.outputs)]
    tensors = {v: rename.get(e.values[v].name, e.values[v].name) for v in own if v in e.values}
    names = {"inputs": _changed(input_names, contract.inputs), "outputs": _changed(output_names, contract.outputs)}
    return Emission(e.program, inputs, outputs, names, tensors)


def _enter(e: Context, value: Value, name: str) -> Ref:
    dtype = value.type.dtype
    # Core ML's arrays have at least one axis.
    ref = Ref(name, at_the_border(dtype, e.ios >= 16), value.type.shape or (1,))
    inside = e.cast(ref, computed(dtype))
    e.declare(value, inside if value.type.shape else e.op("squeeze", shape=(), x=inside, axes=[0]))
    return ref


def _leave(e: Context, graph: Graph, names: list[str]) -> tuple[list[Ref], dict[str, str]]:
    """Give results their public names, by an identity where needed; return what was renamed."""
    free = {ref.name for step in e.program.steps if isinstance(step, Call) for ref in step.outputs}
    rename: dict[str, str] = {}
    found: list[Ref] = []
    for output, name in zip(graph.outputs, names, strict=True):
        known = len(e.program.steps)
        made = e.cast(_result(e, output.value), at_the_border(output.value.type.dtype, e.ios >= 16))
        made = made if made.shape else e.op("expand_dims", shape=(1,), x=made, axes=[0])
        fresh = {r.name for step in e.program.steps[known:] if isinstance(step, Call) for r in step.outputs}
        if made.name not in free | fresh:
            made = e.op("identity", x=made)
        free.discard(made.name)
        rename[made.name] = name
        found.append(made._replace(name=name))
    e.program.rename(rename)
    e.program.prune(r.name for r in found)
    return found, rename


def _result(e: Context, value: Value) -> Ref:
    if value.data is None:
        return e.raw(value)
    return e.weight(value.data, dtype=at_the_border(value.type.dtype, e.ios >= 16))


def _changed(names: list[str], ports: tuple[Port, ...]) -> dict[str, str]:
    return {name: port.name for name, port in zip(names, ports, strict=True) if name != port.name}
