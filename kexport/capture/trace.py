"""Trace: a model run once on symbolic tensors, with the frame of every TensorFlow op."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from kexport.capture.frames import Frame

Array = np.ndarray[Any, Any]


class Input(NamedTuple):
    """One input: its public name, the placeholder, a numpy-style dtype name ("float32", "string") and the shape."""

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

    `kind` is `keras` (a Keras 3 model), `keras2` (a tf_keras model, from an old .h5) or `savedmodel` (`model` is then the
    signature's ConcreteFunction). `run` is the truth: it takes one array per input and returns one per output, both
    in the order of the contract, computed by `model.predict` on one batch, or by the signature.
    """

    model: Any
    kind: str
    name: str
    run: Callable[[Sequence[Array]], list[Array]]


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

    def frame_of(self, op: Any) -> Frame:
        """The innermost frame under which `op` was made, in any FuncGraph; the root frame where none was recorded.

        For an op of a called function this is the frame of its first tracing: combine `local(frame, op.graph)` with
        the frames of the call, as `kexport.capture.frames` says.
        """
        raise NotImplementedError

    def constant_of(self, tensor: Any) -> Array:
        """The value behind a captured tensor: of a variable (the resource handle, no copy) or of an eager tensor.

        `tensor` is the inner placeholder or the outer tensor of `graph.captures`, of any FuncGraph: captures of captures
        are followed. Raises CaptureError for a resource that is no variable (a lookup table).
        """
        raise NotImplementedError

    def function_graph(self, function: Any) -> Any:
        """The FuncGraph of a called function: pass its name, or the calling op (PartitionedCall; a While's or If's by name).

        Functions traced meanwhile give their own graph, whose ops have frames; functions that exist only in the
        library (from a SavedModel) are imported once.
        """
        raise NotImplementedError
