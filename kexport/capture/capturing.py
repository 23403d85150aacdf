"""capture: loads a model from any source, and lowers it to a graph with its contract."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kexport.capture.reading import Reading
from kexport.capture.symbols import Symbols
from kexport.capture.tracing.trace import Source, Trace
from kexport.errors import CaptureError, UnsupportedError
from kexport.ir.contract import Contract, Port
from kexport.ir.graph import Graph


@dataclass(eq=False)
class Captured:
    """A captured model: its graph, its contract, and the Source that it was made from."""

    graph: Graph
    contract: Contract
    source: Source


def capture(
    source: Any,
    *,
    dims: Mapping[str, int | str] | None = None,
    trust: bool = False,
    custom: Any = (),
    signature: str | None = None,
    example: Any = None,
    replace: Mapping[str, str] | None = None,
    architecture: str | None = None,
) -> Captured:
    """Load, trace and lower a model.

    Args:
        source: whatever `load` takes, or a Source.
        dims: sizes and names for open sizes: `{"batch": 1}`, `{"ids:1": "length"}`.
        trust: see `Reading`, as for `custom`, `signature`, `example`, `replace` and `architecture`.

    Raises:
        CaptureError: the model cannot be loaded or traced, or needs sizes to be equal that are not.
        UnsupportedError: it has operations that cannot be exported.
        ConfigError: there is no such model, or no such size.
    """
    from kexport.capture.load import load

    if not isinstance(source, Source):
        source = load(source, Reading(trust, custom, signature, example, replace or {}, architecture))
    symbols = Symbols(source.inputs, dims)
    graph, traced = _traced(source, symbols)
    return Captured(graph, contract_of(graph, traced), source)


def _traced(source: Source, symbols: Symbols) -> tuple[Graph, Trace]:
    """Trace with open sizes and lower; if that fails, trace once more with the sizes that the user fixed.

    A layer's Python code may need a number for a size, as in `for step in range(x.shape[1])`.
    """
    from kexport.capture.tracing.start import trace

    try:
        traced = trace(source)
        return lower_trace(traced, symbols), traced
    except (CaptureError, UnsupportedError):
        shapes = symbols.fixed()
        if source.kind == "savedmodel" or all(s.shape == shape for s, shape in zip(source.inputs, shapes, strict=True)):
            raise
    inputs = [s._replace(shape=shape) for s, shape in zip(source.inputs, shapes, strict=True)]
    traced = trace(dataclasses.replace(source, inputs=inputs))
    return lower_trace(traced, symbols), traced


def lower_trace(trace: Trace, symbols: Symbols) -> Graph:
    """Lower a trace; merge sizes that turn out to be equal, until no two are in conflict.

    Raises:
        CaptureError: sizes that differ would have to be equal; names the layer.
    """
    from kexport.capture.lower_trace import lower
    from kexport.ops import DimConflict

    paths = variable_paths(trace)
    while True:
        try:
            return lower(trace, symbols.types(), paths)
        except DimConflict as e:
            if not symbols.merge(e.left, e.right):
                hint = "fix the sizes it names with dims, for example --dim length=128"
                raise CaptureError(e.what, where=e.where, hint=hint) from e


def contract_of(graph: Graph, trace: Trace) -> Contract:
    """Return the contract of a graph made from a trace."""
    inputs = tuple(Port(v.name, v.type) for v in graph.inputs)
    outputs = tuple(Port(o.name, o.value.type) for o in graph.outputs)
    return Contract(inputs, outputs, trace.input_structure, trace.output_structure)


def variable_paths(trace: Trace) -> dict[int, str]:
    """Return the name of each variable by the id of its handle: its Keras path, such as `block1/conv/kernel`."""
    paths = {}
    for variable in trace.source.model.variables:
        inner = getattr(variable, "_value", variable)
        if not hasattr(inner, "handle"):  # a lookup of Keras 2 keeps its words in its table
            continue
        name = getattr(variable, "path", None) or variable.name.partition(":")[0]
        paths[id(inner.handle)] = name
    return paths
