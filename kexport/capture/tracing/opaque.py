"""A call as one op of the trace, a stand-in, where nobody looks at what TensorFlow would make of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf
from keras.src.backend import Variable, in_stateless_scope
from tensorflow.python.eager.record import could_possibly_record
from tensorflow.python.framework.ops import get_default_graph

from kexport.capture.tracing.recorder import Recorder
from kexport.capture.tracing.standins import Whole, place_stand_in

Sizes = list[int | None]


class NeedsOps(BaseException):
    """Something asks for the ops of a call for which a stand-in was placed: the model has to be traced without.

    No Exception, so that it passes through the model whatever that catches.
    """


def place(recorder: Recorder, lower: partial[Any], shape: Sizes, dtype: Any) -> Any:
    """A stand-in for a call with the tensors among the arguments of its lowering."""
    recorder.whole += 1
    operands = [x for x in lower.keywords.values() if isinstance(x, tf.Tensor)]
    return place_stand_in(recorder, Whole(lower), operands, [tf.TensorSpec(shape, dtype)])[0]


def may_stand(recorder: Recorder, x: Any) -> bool:
    """Whether a stand-in may be placed for a call with `x`, a tensor of floats that is computed by the model."""
    symbolic = isinstance(x, tf.Tensor) and not hasattr(x, "_numpy") and x.dtype.is_floating and x.shape.rank
    return bool(symbolic) and may_place(recorder)


def may_place(recorder: Recorder) -> bool:
    """Whether a stand-in may be placed for a call made now: nobody but the lowering will look at its ops."""
    if recorder.needs_ops or not recorder.is_recording() or get_default_graph() is not recorder.root.graph:
        return False
    return not could_possibly_record() and not in_stateless_scope()


def is_weight(x: Any) -> bool:
    """Whether it is a variable of Keras, made outside of all graphs."""
    made = isinstance(x, Variable) and isinstance(x._value, tf.Variable)
    return made and hasattr(x._value.handle, "_numpy")  # type: ignore[union-attr]


def count_as_user(original: Any, recorder: Recorder) -> Any:
    """A function that looks at ops made before: gradients."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if recorder.whole and recorder.is_recording():
            raise NeedsOps
        return original(*args, **kwargs)

    return call


def make_ops(original: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    """A function that looks at all ops made in it: `tf.vectorized_map`."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if not recorder.is_recording():
            return original(*args, **kwargs)
        before = recorder.needs_ops
        recorder.needs_ops = True
        try:
            return original(*args, **kwargs)
        finally:
            recorder.needs_ops = before

    return call
