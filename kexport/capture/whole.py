"""Calls that become one op of the trace, a stand-in, where nobody looks at what TensorFlow would make of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from functools import partial
from math import ceil
from typing import Any

import tensorflow as tf
from keras.src.backend import Variable, get_autocast_scope, in_stateless_scope, standardize_dtype
from tensorflow.python.eager.record import could_possibly_record
from tensorflow.python.framework.ops import get_default_graph

from kexport.capture.lowering.conv import conv_call, depthwise_call
from kexport.capture.lowering.norm import batch_norm_layer
from kexport.capture.recorder import Recorder
from kexport.capture.standins import Whole, place_stand_in

Sizes = list[int | None]


class NeedsOps(Exception):
    """Something asks for the ops of a call for which a stand-in was placed: the model has to be traced without."""


def stand_for_batch_norm(original: Any, recorder: Recorder) -> Any:
    """`call` of BatchNormalization, with its moving mean and variance: a stand-in in the place of 16 ops."""

    def call(layer: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if (training and layer.trainable) or not (may_stand(recorder, inputs) and _is_plain(layer, inputs, mask)):
            return original(layer, inputs, training=training, mask=mask)
        shape = inputs.shape.as_list()
        shape[layer.axis] = layer.moving_mean.shape[0]
        return place(recorder, partial(batch_norm_layer, layer=layer, inputs=inputs), shape, layer.compute_dtype)

    return call


def stand_for_conv(original: Any, recorder: Recorder) -> Any:
    """`nn.conv` with a weight as its kernel: a stand-in, and the weight is not read."""

    @functools.wraps(original)
    def conv(
        inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None,
        dilation_rate: Any = 1,
    ) -> Any:  # fmt: skip
        shape = None
        if may_stand(recorder, inputs) and _is_kernel_of(kernel, inputs) and is_last(data_format):
            groups, rest = divmod(inputs.shape[-1] or 0, kernel.shape[-2])
            if groups and not rest and not kernel.shape[-1] % groups:
                shape = window_shape(inputs.shape, kernel.shape[:-2], strides, padding, dilation_rate)
        if shape is None:
            return original(inputs, kernel, strides, padding, data_format, dilation_rate)
        lower = partial(conv_call, inputs=inputs, kernel=kernel, strides=strides, padding=padding,
                        data_format=data_format, dilation_rate=dilation_rate)  # fmt: skip
        return place(recorder, lower, [*shape, kernel.shape[-1]], inputs.dtype)

    return conv


def stand_for_depthwise(original: Any, recorder: Recorder) -> Any:
    """`nn.depthwise_conv` with a weight as its kernel: a stand-in, and the weight is not read."""

    @functools.wraps(original)
    def depthwise_conv(
        inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None,
        dilation_rate: Any = 1,
    ) -> Any:  # fmt: skip
        shape = None
        stands = may_stand(recorder, inputs) and _is_kernel_of(kernel, inputs) and is_last(data_format)
        if stands and inputs.shape[-1] == kernel.shape[-2] and _is_even(len(kernel.shape), strides, dilation_rate):
            shape = window_shape(inputs.shape, kernel.shape[:-2], strides, padding, dilation_rate)
        if shape is None:
            return original(inputs, kernel, strides, padding, data_format, dilation_rate)
        lower = partial(depthwise_call, inputs=inputs, kernel=kernel, strides=strides, padding=padding,
                        data_format=data_format, dilation_rate=dilation_rate)  # fmt: skip
        return place(recorder, lower, [*shape, kernel.shape[-2] * kernel.shape[-1]], inputs.dtype)

    return depthwise_conv


def place(recorder: Recorder, lower: partial[Any], shape: Sizes, dtype: Any) -> Any:
    """A stand-in for a call with the tensors among the arguments of its lowering."""
    recorder.whole += 1
    operands = [x for x in lower.keywords.values() if isinstance(x, tf.Tensor)]
    return place_stand_in(recorder, Whole(lower), operands, [tf.TensorSpec(shape, dtype)])[0]


def may_stand(recorder: Recorder, x: Any) -> bool:
    """Whether a stand-in may be placed for a call with `x`: nobody but the lowering will look at its ops."""
    if recorder.needs_ops or not recorder.is_recording() or get_default_graph() is not recorder.root.graph:
        return False
    symbolic = isinstance(x, tf.Tensor) and not hasattr(x, "_numpy") and x.dtype.is_floating and x.shape.rank
    return bool(symbolic) and not could_possibly_record() and not in_stateless_scope()


def window_shape(shape: Any, window: Sequence[int], strides: Any, padding: str, dilation: Any) -> Sizes | None:
    """Batch and sizes that a channels-last convolution gives; None where it is for TensorFlow to say."""
    axes = len(window)
    steps, gaps = ([n] * axes if isinstance(n, int) else list(n) for n in (strides, dilation))
    sizes = shape.as_list()
    if not len(steps) == len(gaps) == axes == len(sizes) - 2 or padding.lower() not in ("same", "valid"):
        return None
    if max(steps) > 1 and max(gaps) > 1:
        return None
    ends = [0] * axes if padding.lower() == "same" else [(k - 1) * d for k, d in zip(window, gaps, strict=True)]
    found = [n and ceil((n - e) / s) for n, e, s in zip(sizes[1:-1], ends, steps, strict=True)]
    return None if any(n is not None and n <= 0 for n in found) else [sizes[0], *found]


def is_last(data_format: Any) -> bool:
    """Whether the channels are the last axis; None is Keras' default."""
    from kexport.capture.lowering.layouts import is_channels_first

    return not is_channels_first(data_format)


def _is_even(rank: int, strides: Any, dilation: Any) -> bool:
    """Whether there are one or two axes, with the same stride along each, and no dilation is asked for."""
    steps, gaps = ({n} if isinstance(n, int) else set(n) for n in (strides, dilation))
    return rank <= 4 and len(steps) == 1 and gaps == {1}


def _is_kernel_of(kernel: Any, x: Any) -> bool:
    """Whether it is a weight that is read in the type of `x`, with axes that fit."""
    return _is_weight(kernel) and standardize_dtype(kernel.dtype) == x.dtype.name and len(kernel.shape) == x.shape.rank


def _is_weight(x: Any) -> bool:
    made = isinstance(x, Variable) and isinstance(x._value, tf.Variable)
    return made and hasattr(x._value.handle, "_numpy")  # type: ignore[union-attr]


def _is_plain(layer: Any, inputs: Any, mask: Any) -> bool:
    """Whether nothing about the call is wrong or odd, such as parameters that are not read as they are."""
    parameters = [layer.moving_mean, layer.moving_variance]
    parameters += [v for v, used in ((layer.gamma, layer.scale), (layer.beta, layer.center)) if used]
    casting = get_autocast_scope() is not None
    if not all(_is_weight(v) and len(v.shape) == 1 and not (v._autocast and casting) for v in parameters):
        return False
    rank = inputs.shape.rank
    if not isinstance(layer.axis, int) or not -rank <= layer.axis < rank:
        return False
    size = layer.moving_mean.shape[0]
    fits = all(v.shape[0] == size for v in parameters) and inputs.shape[layer.axis] in (None, size)
    return fits and (mask is None or len(mask.shape) == rank - 1)


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
        before = recorder.needs_ops
        recorder.needs_ops = before or recorder.is_recording()
        try:
            return original(*args, **kwargs)
        finally:
            recorder.needs_ops = before

    return call
