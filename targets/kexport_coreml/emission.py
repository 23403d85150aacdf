"""Runs the emitters over a graph: a program, and its inputs and outputs under their public names."""

from __future__ import annotations

from dataclasses import dataclass, field

from kexport.errors import EmitError
from kexport.ir.contract import Contract, Port
from kexport.ir.graph import Graph
from kexport.target import EmitterTable
from kexport_coreml.context import Context
from kexport_coreml.dtypes import at_the_border, computed
from kexport_coreml.refs import Call, Program, Ref, identifier


@dataclass
class Emission:
    """A program with the tensors that enter and leave it, in the order of the contract."""

    program: Program
    inputs: list[Ref]
    outputs: list[Ref]
    names: dict[str, dict[str, str]] = field(default_factory=dict[str, "dict[str, str]"])
    """Public names that Core ML doesn't allow, by the names that stand for them; inputs and outputs apart."""


def emit(graph: Graph, contract: Contract, ios: int, emitters: EmitterTable) -> Emission:
    """Emit a legalized graph.

    Raises:
        EmitError: a node cannot be emitted in this form; names the layer path.
        UnsupportedError: nodes without an emitter, all of them.
    """
    emitters.check(graph)
    if len(graph.inputs) != len(contract.inputs) or len(graph.outputs) != len(contract.outputs):
        raise EmitError("the graph and the contract have different inputs or outputs", where=graph.name)
    e = Context(graph, ios)
    input_names = [e.unique(identifier(p.name)) for p in contract.inputs]
    output_names = [e.unique(identifier(p.name)) for p in contract.outputs]
    inputs = [_enter(e, value, name) for value, name in zip(graph.inputs, input_names, strict=True)]
    for node in graph.nodes:
        e.enter(node)
        try:
            emitters.emitters[type(node.op)](e, node)
        except EmitError as error:
            raise error.located(node.origin) from None
    outputs = _leave(e, graph, output_names)
    names = {"inputs": _changed(input_names, contract.inputs), "outputs": _changed(output_names, contract.outputs)}
    return Emission(e.program, inputs, outputs, names)


def border_shape(shape: tuple[object, ...]) -> tuple[object, ...]:
    """The shape of an input or output: Core ML's arrays have at least one axis."""
    return shape or (1,)


def _enter(e: Context, value: object, name: str) -> Ref:
    from kexport.ir.graph import Value

    assert isinstance(value, Value)
    dtype = value.type.dtype
    ref = Ref(name, at_the_border(dtype, e.ios >= 16), border_shape(value.type.shape))  # type: ignore[arg-type]
    inside = e.cast(ref, computed(dtype))
    e.declare(value, inside if value.type.shape else e.op("squeeze", shape=(), x=inside, axes=[0]))
    return ref


def _leave(e: Context, graph: Graph, names: list[str]) -> list[Ref]:
    """Give results their public names; what is no operation's own result goes through an identity."""
    free = {ref.name for step in e.program.steps if isinstance(step, Call) for ref in step.outputs}
    rename: dict[str, str] = {}
    found: list[Ref] = []
    for output, name in zip(graph.outputs, names, strict=True):
        e.enter(output.value.producer) if output.value.producer else None
        made = e.cast(e.ref(output.value), at_the_border(output.value.type.dtype, e.ios >= 16))
        made = made if made.shape else e.op("expand_dims", shape=(1,), x=made, axes=[0])
        free |= {ref.name for step in e.program.steps[-2:] if isinstance(step, Call) for ref in step.outputs}
        if made.name not in free:
            made = e.op("identity", x=made)
        free.discard(made.name)
        rename[made.name] = name
        found.append(made._replace(name=name))
    for step in e.program.steps:
        if isinstance(step, Call):
            step.inputs = {k: [rename.get(n, n) for n in v] for k, v in step.inputs.items()}
            step.outputs = [r._replace(name=rename.get(r.name, r.name)) for r in step.outputs]
    return found


def _changed(names: list[str], ports: tuple[Port, ...]) -> dict[str, str]:
    return {name: port.name for name, port in zip(names, ports, strict=True) if name != port.name}
