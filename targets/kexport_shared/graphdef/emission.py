"""Runs the emitters over a graph."""

from __future__ import annotations

from dataclasses import dataclass, field

from kexport.ir.contract import Contract, Port
from kexport.ir.graph import Graph, Value
from kexport_shared.emit.ends import require_ends
from kexport_shared.emit.walk import emit_nodes
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.dialect import Dialect
from kexport_shared.graphdef.nodes import Const, Function, NodeDef, Ref, Shape
from kexport_shared.graphdef.table import OpTable


@dataclass
class Emitted:
    """A GraphDef: nodes in topological order, constants apart, and which tensors are the inputs and outputs."""

    nodes: list[NodeDef]
    consts: list[Const]
    inputs: dict[str, Ref] = field(default_factory=dict[str, Ref])
    outputs: dict[str, Ref] = field(default_factory=dict[str, Ref])
    values: dict[Value, Ref] = field(default_factory=dict["Value", Ref])
    """The tensors of the graph's values."""
    functions: list[Function] = field(default_factory=list["Function"])
    """What nodes call; each lists the constants that it reads, also those that others read too."""
    on_load: str = ""
    """The node to run once when the artifact is loaded, if there is anything to do then."""

    def all_consts(self) -> list[Const]:
        """The constants of the graph and of its functions, each once."""
        every = (*self.consts, *(c for f in self.functions for c in f.consts))
        return list({const.name: const for const in every}.values())


def emit(graph: Graph, contract: Contract, dialect: Dialect, table: OpTable) -> Emitted:
    """Emit a legalized graph. Each output gets an Identity of its own, so that no two are one tensor.

    Raises:
        EmitError: a node cannot be emitted in this form; names the layer path.
        UnsupportedError: nodes without an emitter, all of them.
    """
    table.check(graph)
    require_ends(graph, contract)
    e = Context(graph, dialect, table)
    pairs = list(zip(graph.inputs, contract.inputs, strict=True))
    inputs = {port.name: e.declare(value, port.name, static_shape(port)) for value, port in pairs}
    names = [e.unique(port.name) for port in contract.outputs]
    emit_nodes(e, graph, table)
    outputs: dict[str, Ref] = {}
    for output, port, name in zip(graph.outputs, contract.outputs, names, strict=True):
        ref = e.ref(output.value)
        e.nodes.append(NodeDef("Identity", name, [ref.name], {"T": ref.dtype}))
        outputs[port.name] = Ref(name, ref.dtype)
    on_load = _on_load(e)
    return Emitted(e.nodes, list(e.consts.values()), inputs, outputs, e.values, e.shared.functions, on_load)


def _on_load(e: Context) -> str:
    """The node behind all that is to be done on loading."""
    done = [f"^{make(e).name}" for make in e.shared.on_load.values()]
    if not done:
        return ""
    e.nodes.append(NodeDef("NoOp", e.unique("on_load"), done))
    return e.nodes[-1].name


def static_shape(port: Port) -> Shape:
    """The shape of an input or output, -1 where it is dynamic."""
    return Shape(tuple(d if isinstance(d, int) else -1 for d in port.type.shape))
