"""Trace: a model run once on symbolic tensors, with the frame of every TensorFlow op."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from kexport.capture.not_lowered import NotLowered
from kexport.capture.tracing.frames import Frame
from kexport.errors import CaptureError

Array = np.ndarray[Any, Any]

NO_GRAPH = (
    "TensorFlow calls a function without a graph that could be looked into, as in its CTC loss; "
    "compute it around the model"
)


class Spec(NamedTuple):
    """What one input looks like: its public name, a numpy-style dtype name ("float32", "string") and its shape."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


class Input(NamedTuple):
    """One input of a trace: its Spec's fields and the placeholder."""

    name: str
    tensor: Any
    dtype: str
    shape: tuple[int | None, ...]


class Output(NamedTuple):
    """One output: its public name and its tensor, which may be an input or stand there twice."""

    name: str
    tensor: Any


@dataclass(eq=False)
class Source:
    """A loaded model, ready to be traced.

    `kind` is `keras` (a Keras 3 model), `keras2` (a tf_keras model, from an old .h5) or `savedmodel` (`model` is then
    the signature's ConcreteFunction). `inputs` and `input_structure` describe what goes in. `call` takes one tensor per
    input and returns the model's own output nest. `run` is the truth: it takes one array per input and returns one per
    output, both in the order of the contract, computed by `model.predict`, or by the signature.
    `output_names` are given where the model has names of its own for them. `path` is the file it came from.
    """

    model: Any
    kind: str
    name: str
    inputs: list[Spec]
    input_structure: Any
    call: Callable[[Sequence[Any]], Any]
    run: Callable[[Sequence[Array]], list[Array]]
    output_names: list[str] | None = None
    path: str | None = None


@dataclass(eq=False)
class Trace:
    """A model traced once: the FuncGraph and what is known about its ops.

    `graph` is not frozen: weights are captured resource tensors (`graph.captures` pairs outer and inner). Structures
    are JSON trees whose leaves are positions in `inputs` and `outputs` (see `kexport.ir.contract`).
    """

    graph: Any
    inputs: list[Input]
    outputs: list[Output]
    input_structure: Any
    output_structure: Any
    source: Source
    root: Frame
    tags: dict[int, dict[str, Frame]] = field(default_factory=dict, repr=False)
    graphs: dict[int, Any] = field(default_factory=dict, repr=False)
    stand_ins: dict[str, Any] = field(default_factory=dict, repr=False)
    _functions: dict[str, Any] = field(default_factory=dict, repr=False)
    _captures: dict[int, dict[str, Any]] = field(default_factory=dict, repr=False)
    _arrays: dict[int, tuple[Any, Array]] = field(default_factory=dict, repr=False)

    def frame_of(self, op: Any) -> Frame:
        """The innermost frame under which `op` was made, in any FuncGraph; the root frame where none was recorded.

        For an op of a called function this is the frame of its first tracing: combine `local(frame, op.graph)` with
        the frames of the call, as `kexport.capture.tracing.frames` says.
        """
        return self.tags.get(id(op.graph), {}).get(op.name, self.root)

    def constant_of(self, tensor: Any) -> Array:
        """The value behind a captured tensor: of a variable (the resource handle, no copy) or of an eager tensor.

        `tensor` is the inner placeholder or the outer tensor of `graph.captures`, of any FuncGraph: captures of
        captures are followed. The same variable gives the same array, which is read-only.

        Raises:
            CaptureError: the tensor is computed, or is a resource that is no variable (a lookup table).
        """
        from kexport.capture.weights import read_tensor

        outer = self._outermost(tensor)
        if id(outer) not in self._arrays:
            where = "" if outer is tensor else self.frame_of(tensor.op).path
            self._arrays[id(outer)] = outer, read_tensor(outer, where)
        return self._arrays[id(outer)][1]

    def is_captured(self, tensor: Any) -> bool:
        """Whether this tensor stands for one made outside of the graphs, so that `constant_of` applies."""
        return hasattr(self._outermost(tensor), "_numpy")

    def function_graph(self, function: Any) -> Any:
        """The FuncGraph of a called function: pass its name, or the calling op (for a While or If its names).

        Functions traced meanwhile give their own graph, whose ops have frames; functions that exist only in the
        library (from a SavedModel) are imported once.

        Raises:
            CaptureError: there is no such function.
            NotLowered: it is of TensorFlow's oldest kind.
        """
        name = function if isinstance(function, str) else _called(function)
        if name not in self._functions:
            self._functions[name] = self._find_function(name)
        return self._functions[name]

    def _find_function(self, name: str) -> Any:
        for graph in [self.graph, *self.graphs.values()]:
            found = graph._get_function(name)
            if found is not None:
                if not hasattr(found, "graph"):
                    found = _read_definition(found, graph)
                self.graphs.setdefault(id(found.graph), found.graph)
                return found.graph
        raise CaptureError(f"the graph calls a function {name!r} that it does not have")

    def _outermost(self, tensor: Any) -> Any:
        while hasattr(tensor, "graph") and not hasattr(tensor, "_numpy"):
            outer = self._captures_of(tensor.graph).get(tensor.op.name)
            if outer is None:
                return tensor
            tensor = outer
        return tensor

    def _captures_of(self, graph: Any) -> dict[str, Any]:
        if id(graph) not in self._captures:
            self._captures[id(graph)] = {inner.op.name: outer for outer, inner in graph.captures}
        return self._captures[id(graph)]


def _read_definition(function: Any, graph: Any) -> Any:
    """A function of TensorFlow 1, which is there as a definition alone, as one with a graph."""
    from types import SimpleNamespace

    from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

    try:
        with graph.as_default():
            return SimpleNamespace(graph=function_def_to_graph(function.definition))
    except Exception as e:
        raise NotLowered(NO_GRAPH) from e


def _called(op: Any) -> str:
    if "f" in op.node_def.attr:
        return op.node_def.attr["f"].func.name
    return op.type
