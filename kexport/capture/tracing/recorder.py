"""Recording frames while a model is traced. The patches in `patches.py` call the Recorder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tensorflow import is_tensor
from tensorflow.python.framework import ops
from tensorflow.python.framework.func_graph import FuncGraph

from kexport.capture.sources.structure import flatten
from kexport.capture.tracing.frames import Frame

KERAS_ROOTS = ("Operation", "Layer", "Model", "Trainer", "TFLayer", "KerasSaveable", "KerasAutoTrackable", "Module")
HARMLESS = {
    "build",
    "build_from_config",
    "get_build_config",
    "get_config",
    "from_config",
    "compute_output_shape",
    "compute_output_spec",
    "compute_mask",
    "save_own_variables",
    "load_own_variables",
    "summary",
    "enable_lora",
    "quantize",
    "quantized_build",
}
"""What a subclass may override without changing what a call of the layer computes from its attributes."""


class Recorder:
    """Keeps the frame of every op made in the thread that made the recorder.

    `whole` counts the calls that a stand-in was placed for; none is while `needs_ops`.
    """

    def __init__(self, graph: FuncGraph, model: Any, needs_ops: bool = False):
        self.root = Frame("model", 0, graph=graph, kinds=("model",))
        self.model = model
        self.top = self.root
        self.count = 1
        self.graphs: dict[int, FuncGraph] = {id(graph): graph}
        self.tags: dict[int, dict[str, Frame]] = {id(graph): {}}
        self.stand_ins: dict[str, Any] = {}
        self.failed: Frame | None = None
        self.whole = 0
        self.needs_ops = needs_ops
        self._thread = threading.get_ident()

    def is_recording(self) -> bool:
        """Whether a call made now belongs to the trace."""
        return threading.get_ident() == self._thread and isinstance(ops.get_default_graph(), FuncGraph)

    def tag(self, op: Any) -> None:
        """Note that `op` was made under the current frame."""
        if threading.get_ident() != self._thread:
            return
        key = id(op.graph)
        if key not in self.graphs:
            self.graphs[key], self.tags[key] = op.graph, {}
        self.tags[key][op.name] = self.top

    def call_layer(self, layer: Any, prefix: str, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call a Keras layer or operation in a frame of its own."""
        kinds = kinds_of(layer, prefix)
        label = f"{prefix}.{type(layer).__name__}"
        frame = self._frame(label if label in kinds else f"custom.{type(layer).__name__}", args, kwargs)
        is_model = layer is self.model and self.top is self.root
        frame.name = layer.name if prefix != "op" and not is_model else ""
        frame.kinds = kinds
        frame.layer = layer
        frame.function = layer.call
        return self._run(frame, lambda: call(layer, *args, **kwargs))

    def call_mask(self, layer: Any, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Let a layer compute its output mask in a frame of its own, at the path of the layer."""
        frame = self._frame(f"mask.{type(layer).__name__}", args, kwargs)
        frame.name = layer.name
        frame.layer = layer
        frame.function = layer.compute_mask
        return self._run(frame, lambda: call(layer, *args, **kwargs))

    def call_function(self, label: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call a backend function in a frame of its own."""
        frame = self._frame(label, args, kwargs)
        frame.kinds = (label,)
        frame.function = function
        return self._run(frame, lambda: function(*args, **kwargs))

    def _frame(self, label: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame:
        self.count += 1
        return Frame(label, self.count - 1, self.top, ops.get_default_graph(), args=args, kwargs=kwargs)

    def _run(self, frame: Frame, call: Callable[[], Any]) -> Any:
        before = self.top
        self.top = frame
        try:
            outputs = call()
        except BaseException:
            if self.failed is None or frame not in self.failed.chain():
                self.failed = frame
            raise
        finally:
            self.top = before
        frame.outputs = outputs
        frame.tensors = [t for t in flatten(outputs)[0] if is_tensor(t)]
        return outputs


def kinds_of(layer: Any, prefix: str) -> tuple[str, ...]:
    """The labels of Keras' own classes that `layer` may be treated as, its own class first.

    A base class counts as long as nothing between it and the layer overrides what it defines, save for HARMLESS.
    """
    kinds: list[str] = []
    overridden = {name for name in vars(layer) if name in ("call", "quantized_call")}
    for cls in type(layer).__mro__:
        if cls.__name__ in KERAS_ROOTS and _is_keras(cls):
            break
        if _is_keras(cls) and not overridden & _defined(cls):
            kinds.append(f"{prefix}.{cls.__name__}")
        own = {n for n in vars(cls) if n == "__call__" or not n.startswith("__")}
        overridden |= own - HARMLESS
    return tuple(kinds)


def _defined(cls: type) -> set[str]:
    bases = [c for c in cls.__mro__ if c is not object and not (c.__name__ in KERAS_ROOTS and _is_keras(c))]
    return {"call", "__call__", "quantized_call"}.union(*map(vars, bases))


def _is_keras(cls: type) -> bool:
    return cls.__module__.split(".")[0] in ("keras", "tf_keras")
