"""Every change made to Keras and TensorFlow while a model is traced, as one table, and its undoing."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras.src.backend.common.keras_tensor import any_symbolic_tensors
from tensorflow.python.eager.polymorphic_function.autograph_util import py_func_from_autograph

from kexport.capture.tracing.keras2_recurrent import stand_for_keras2_layer
from kexport.capture.tracing.keras3_recurrent import stand_for_cells, stand_for_steps
from kexport.capture.tracing.opaque import count_as_user, make_ops
from kexport.capture.tracing.opaque_calls import (
    UNARY,
    stand_for_add,
    stand_for_batch_norm,
    stand_for_conv,
    stand_for_depthwise,
    stand_for_layer_norm,
    stand_for_matmul,
    stand_for_reshape,
    stand_for_unary,
)
from kexport.capture.tracing.overrides import fold_time, keep_doubles, mask_by_minus_two, resize_to_tensors
from kexport.capture.tracing.recorder import Recorder
from kexport.capture.tracing.scans import stand_for_associative_scan, stand_for_map, stand_for_scan
from kexport.capture.tracing.text_vectorization import vectorize_densely
from kexport.capture.versions import TITLES, Version, remark, running, written
from kexport.errors import KexportWarning

Replace = Callable[[Any, Recorder], Any]
_one_trace_at_a_time = threading.RLock()


class Patch(NamedTuple):
    """Replace `attribute` of `owner` ("module" or "module:Class") by `replace(original, recorder)`.

    `since` is the first version of the owner's package that has it, `until` the first that has it no more.
    """

    owner: str
    attribute: str
    replace: Replace
    since: Version = (0, 0)
    until: Version | None = None

    @property
    def package(self) -> str:
        """The package that the owner is of."""
        return self.owner.partition(".")[0]

    @property
    def place(self) -> str:
        """Module, class and attribute as one name."""
        return f"{self.owner.replace(':', '.')}.{self.attribute}"

    def exists_in(self, version: Version) -> bool:
        """Whether a version of the owner's package should have it."""
        return self.since <= version and (self.until is None or version < self.until)

    def find(self) -> tuple[Any, Any] | None:
        """The owner and what stands there now; None where there is no such thing."""
        module, _, cls = self.owner.partition(":")
        try:
            owner = importlib.import_module(module)
            owner = getattr(owner, cls) if cls else owner
            return owner, vars(owner)[self.attribute]
        except (ImportError, AttributeError, KeyError):
            return None


def tag_ops(original: Any, recorder: Recorder) -> Any:
    """Tag every op of any FuncGraph with the current frame."""

    def create_op(graph: Any, *args: Any, **kwargs: Any) -> Any:
        op = original(graph, *args, **kwargs)
        recorder.tag(op)
        return op

    return create_op


def frame_operations(original: Any, recorder: Recorder) -> Any:
    """Open a frame for each call of a Keras 3 layer or operation."""

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if not recorder.is_recording() or any_symbolic_tensors(args, kwargs):
            return original(operation, *args, **kwargs)
        prefix = "layer" if isinstance(operation, keras.layers.Layer) else "op"
        return recorder.call_layer(operation, prefix, original, args, kwargs)

    return call


def frame_masks(original: Any, recorder: Recorder) -> Any:
    """Open a frame for the mask that a layer computes after its call."""

    def set_mask(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if not recorder.is_recording() or any_symbolic_tensors(args, kwargs):
            return original(layer, *args, **kwargs)
        return recorder.call_mask(layer, original, args, kwargs)

    return set_mask


def inline_functions(original: Any, recorder: Recorder) -> Any:
    """Run the Python of a tf.function in place: one that was called before would hand out a graph without frames."""

    def call(function: Any, *args: Any, **kwargs: Any) -> Any:
        if not recorder.is_recording():
            return original(function, *args, **kwargs)
        body = function.python_function
        return (py_func_from_autograph(body) if function._autograph else body)(*args, **kwargs)

    return call


def know_constants(original: Any, recorder: Recorder) -> Any:
    """Let Python ask about a tensor whose value is known while tracing, such as that of a rank or of a fixed size."""

    def answered(tensor: Any) -> bool:
        known = tf.get_static_value(tensor) if recorder.is_recording() else None
        return original(tensor) if known is None else bool(known)

    return answered


def frame_keras2_layers(original: Any, recorder: Recorder) -> Any:
    """Open a frame for each call of a tf_keras layer."""

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if not recorder.is_recording():
            return original(layer, *args, **kwargs)
        return recorder.call_layer(layer, "layer2", original, args, kwargs)

    return call


def frame_function(label: str) -> Replace:
    """Open a frame for each call of a backend function."""

    def replace(original: Any, recorder: Recorder) -> Any:
        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not recorder.is_recording():
                return original(*args, **kwargs)
            return recorder.call_function(label, original, args, kwargs)

        return call

    return replace


def answer(value: Any) -> Replace:
    """Answer a question about this machine always the same, so that the graph is the same on any."""
    return lambda original, recorder: lambda: value


BACKEND = "keras.src.backend.tensorflow"
FRAMED_MODULES = ("nn", "numpy", "math", "linalg", "image", "core", "random", "rnn")
UNFRAMED = {
    "convert_to_tensor",
    "convert_to_numpy",
    "is_tensor",
    "cast",
    "shape",
    "compute_output_spec",
    "stop_gradient",
    "device_scope",
    "random_seed_dtype",
    "remat",
    "custom_gradient",
    "cudnn_ok",
}
"""Public backend functions that are no computation of their own, or one plain TensorFlow op."""

TENSORFLOW_PATCHES = (
    Patch("tensorflow.python.framework.func_graph:FuncGraph", "_create_op_internal", tag_ops),
    Patch("tensorflow.python.eager.polymorphic_function.polymorphic_function:Function", "__call__", inline_functions),
    Patch("tensorflow.python.framework.tensor:Tensor", "__bool__", know_constants),
)
PATCHES = (
    *TENSORFLOW_PATCHES,
    Patch("keras.src.ops.operation:Operation", "__call__", frame_operations),
    Patch("keras.src.layers.layer:Layer", "_set_mask_metadata", frame_masks),
    Patch("keras.src.layers.normalization.batch_normalization:BatchNormalization", "call", stand_for_batch_norm),
    Patch("keras.src.layers.normalization.layer_normalization:LayerNormalization", "call", stand_for_layer_norm),
    Patch(f"{BACKEND}.nn", "conv", stand_for_conv),
    Patch(f"{BACKEND}.nn", "depthwise_conv", stand_for_depthwise),
    Patch(f"{BACKEND}.numpy", "matmul", stand_for_matmul),
    Patch(f"{BACKEND}.numpy", "add", stand_for_add),
    Patch(f"{BACKEND}.numpy", "reshape", stand_for_reshape),
    *(Patch(f"{BACKEND}.nn", name, stand_for_unary(f"nn.{name}")) for name in UNARY),
    Patch("tensorflow.python.ops.gradients_util", "_GradientsHelper", count_as_user),
    Patch("tensorflow.python.ops.parallel_for.control_flow_ops", "_pfor_impl", make_ops),
    Patch("keras.src.layers.rnn.time_distributed:TimeDistributed", "call", fold_time),
    Patch("keras.src.layers.preprocessing.index_lookup:IndexLookup", "_lookup_dense", mask_by_minus_two),
    Patch("keras.src.layers.preprocessing.text_vectorization:TextVectorization", "call", vectorize_densely),
    Patch("keras.src.layers.rnn.rnn:RNN", "inner_loop", stand_for_cells),
    Patch("keras.src.layers.rnn.lstm:LSTM", "inner_loop", stand_for_cells),
    Patch("keras.src.layers.rnn.gru:GRU", "inner_loop", stand_for_cells),
    Patch("keras.src.backend", "rnn", stand_for_steps),
    Patch(f"{BACKEND}.core", "scan", stand_for_scan, since=(3, 4)),
    Patch(f"{BACKEND}.core", "map", stand_for_map, since=(3, 4)),
    Patch(f"{BACKEND}.core", "associative_scan", stand_for_associative_scan, since=(3, 5)),
    Patch("keras.src.ops.image", "resize", resize_to_tensors, since=(3, 14)),
    Patch(f"{BACKEND}.numpy", "isin", keep_doubles, since=(3, 12)),
    Patch(f"{BACKEND}.nn", "_cpu_only", answer(True), since=(3, 15)),
    Patch(f"{BACKEND}.rnn", "_is_gpu_available", answer(False)),
)
KERAS2_PATCHES = (
    *TENSORFLOW_PATCHES,
    Patch("tf_keras.src.engine.base_layer:Layer", "__call__", frame_keras2_layers),
    Patch("tf_keras.src.layers.rnn.base_rnn:RNN", "call", stand_for_keras2_layer),
    Patch("tf_keras.src.layers.rnn.lstm:LSTM", "call", stand_for_keras2_layer),
    Patch("tf_keras.src.layers.rnn.gru:GRU", "call", stand_for_keras2_layer),
    Patch("tf_keras.src.backend", "rnn", stand_for_steps),
)


def function_patches() -> Iterator[Patch]:
    """A frame for each public function of Keras' TensorFlow backend, under each name that Keras calls it by."""
    aliases = {name: vars(importlib.import_module(name)) for name in ("keras.src.backend", BACKEND)}
    for name in FRAMED_MODULES:
        if importlib.util.find_spec(f"{BACKEND}.{name}") is None:
            continue
        module = importlib.import_module(f"{BACKEND}.{name}")
        for attribute, value in vars(module).items():
            if not _is_framed(module, attribute, value):
                continue
            frame = frame_function(f"{name}.{attribute}")
            yield Patch(module.__name__, attribute, frame)
            for owner, names in aliases.items():
                if names.get(attribute) is value:
                    yield Patch(owner, attribute, frame)


@contextmanager
def patched(recorder: Recorder, patches: tuple[Patch, ...]) -> Iterator[None]:
    """Apply patches and undo them, whatever happens. One trace runs at a time; other threads are not recorded.

    What should be there and is not, or takes other arguments, is left as it is, with a warning: what calls it is
    lowered from its ops.
    """
    with _one_trace_at_a_time, ExitStack() as undo:
        left = [patch for patch in patches if not _apply(patch, recorder, undo)]
        for text in _remarks(left):
            warnings.warn(text, KexportWarning, stacklevel=3)
        yield


def _apply(patch: Patch, recorder: Recorder, undo: ExitStack) -> bool:
    """Put the replacement in its place; whether that is done, or not due."""
    if not patch.exists_in(running(patch.package)):
        return True
    found = patch.find()
    if found is None:
        return False
    owner, original = found
    replacement = patch.replace(original, recorder)
    if not takes_the_same(replacement, original, bound=":" in patch.owner):
        return False
    undo.callback(setattr, owner, patch.attribute, original)
    setattr(owner, patch.attribute, replacement)
    return True


def takes_the_same(replacement: Any, original: Any, bound: bool) -> bool:
    """Whether a replacement takes the arguments of the original; of a method the first may have any name."""
    own, theirs = (
        list(inspect.signature(f, follow_wrapped=False).parameters.values())[bound:]
        for f in (replacement, inspect.unwrap(original))
    )
    named = [p.name for p in own if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return [p.name for p in theirs][: len(named) if len(named) < len(own) else None] == named


def _remarks(left: list[Patch]) -> Iterator[str]:
    """A line for each package of a version that was not tested, or that lacks places which it should have."""
    for package, version in {"keras": keras.__version__, "tensorflow": tf.__version__}.items():
        text = remark(package, version)
        if text:
            yield text
    for package in dict.fromkeys(patch.package for patch in left):
        places = ", ".join(patch.place for patch in left if patch.package == package)
        yield (
            f"{TITLES[package]} {written(running(package))} does not have, or not with these arguments: {places}; what "
            "calls them is lowered from its ops"
        )


def _is_framed(module: types.ModuleType, name: str, value: Any) -> bool:
    is_public = not name.startswith("_") and name not in UNFRAMED
    return is_public and inspect.isfunction(value) and value.__module__ == module.__name__
