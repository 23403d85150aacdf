"""Lowers the TensorFlow ops of a Trace to a Graph, frame by frame where a frame has a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kexport.capture.lowering.context import Foreign, Handle
from kexport.capture.lowering.scope import OPAQUE, Run, Scope
from kexport.capture.regions.table import REGIONS
from kexport.capture.tracing.trace import Trace
from kexport.errors import Unsupported, UnsupportedError
from kexport.ir.graph import Graph
from kexport.ir.types import TensorType
from kexport.ops import Draw
from kexport.rewrite.driver import erase_dead


def lower(trace: Trace, types: Sequence[TensorType], paths: Mapping[int, str] | None = None) -> Graph:
    """Lower a trace to a graph with inputs of these types.

    Args:
        trace: what was traced.
        types: the type of each input, with symbolic dims for sizes that are not fixed.
        paths: the name of each variable by the id of its handle.

    Raises:
        UnsupportedError: operations that have no lowering; names all of them.
        DimConflict: two sizes that differ in `types` have to be equal.
        CaptureError: a lowering is wrong; names the layer.
    """
    run = Run(trace, paths or {}, REGIONS)
    scope = Scope(run, trace.graph)
    for port, type in zip(trace.inputs, types, strict=True):
        value = run.graph.input(port.name, type)
        if port.tensor is not None:
            scope.env[id(port.tensor)] = value
    for outer, inner in trace.graph.captures:
        scope.env[id(inner)] = Handle(outer) if outer.dtype in OPAQUE else run.variable(outer)
    scope.lower([o.tensor for o in trace.outputs])
    for output in trace.outputs:
        run.graph.output(output.name, scope.data(output.tensor))
    erase_dead(run.graph, list(run.graph.nodes))
    report_foreign(run)
    if trace.source.kind == "savedmodel":
        refuse_equal_draws(run.graph)
    return run.graph


def refuse_equal_draws(graph: Graph) -> None:
    """Refuse draws of a SavedModel that cannot be told apart, as a function that draws is called more than once.

    Raises:
        UnsupportedError: names all of them.
    """
    drawing = [n for n in graph.nodes if isinstance(n.op, Draw)]
    numbers = [n.op.draw for n in drawing if isinstance(n.op, Draw)]
    reason = "it draws random numbers in several functions of a SavedModel, or in one that is called more than once"
    equal = [n for n, number in zip(drawing, numbers, strict=True) if numbers.count(number) > 1]
    if equal:
        raise UnsupportedError([Unsupported(n.origin, n.op.name, f"{reason}; export the Keras model") for n in equal])


def report_foreign(run: Run) -> None:
    """Refuse a graph with ops that have no lowering, or with sizes that only these determine.

    Raises:
        UnsupportedError: names all of them, except those that fail only because of another.
    """
    foreign = _foreign_in(run.graph)
    foreign += [run.unknown[s] for s in sorted(run.graph.symbols() & run.unknown.keys())]
    if foreign:
        raise UnsupportedError(list(dict.fromkeys(u for u in foreign if u.reason)) or foreign)


def _foreign_in(graph: Graph) -> list[Unsupported]:
    found = []
    for node in graph.nodes:
        if isinstance(node.op, Foreign):
            found.append(Unsupported(node.origin, node.op.op, node.op.reason))
        found += [u for body in node.bodies for u in _foreign_in(body)]
    return found
