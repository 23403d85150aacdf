"""The calls that are one op of the trace: those of which TensorFlow makes many, or that read a weight."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from functools import partial
from math import ceil, prod
from typing import Any

import tensorflow as tf
from keras.src.backend import get_autocast_scope, standardize_dtype

from kexport.capture import lowering
from kexport.capture.lowering.binary import add_weight
from kexport.capture.lowering.conv import conv_call, depthwise_call
from kexport.capture.lowering.float8 import is_float8
from kexport.capture.lowering.layout import reshape_weight
from kexport.capture.lowering.layouts import is_channels_first
from kexport.capture.lowering.matmul import matmul_call
from kexport.capture.lowering.norm import batch_norm_layer, layer_norm
from kexport.capture.tracing.opaque import Sizes, is_weight, may_place, may_stand, place
from kexport.capture.tracing.recorder import Recorder

UNARY = ("gelu", "silu", "hard_sigmoid", "hard_silu")
"""Activations that are several ops, of which the result has shape and type of the operand."""


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
        inputs: Any,
        kernel: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: Any = None,
        dilation_rate: Any = 1,
    ) -> Any:
        shape = None
        if may_stand(recorder, inputs) and _is_kernel_of(kernel, inputs) and is_last(data_format):
            groups, rest = divmod(inputs.shape[-1] or 0, kernel.shape[-2])
            if groups and not rest and not kernel.shape[-1] % groups:
                shape = window_shape(inputs.shape, kernel.shape[:-2], strides, padding, dilation_rate)
        if shape is None:
            return original(inputs, kernel, strides, padding, data_format, dilation_rate)
        lower = partial(
            conv_call,
            inputs=inputs,
            kernel=kernel,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
        )
        return place(recorder, lower, [*shape, kernel.shape[-1]], inputs.dtype)

    return conv


def stand_for_depthwise(original: Any, recorder: Recorder) -> Any:
    """`nn.depthwise_conv` with a weight as its kernel: a stand-in, and the weight is not read."""

    @functools.wraps(original)
    def depthwise_conv(
        inputs: Any,
        kernel: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: Any = None,
        dilation_rate: Any = 1,
    ) -> Any:
        shape = None
        stands = may_stand(recorder, inputs) and _is_kernel_of(kernel, inputs) and is_last(data_format)
        if stands and inputs.shape[-1] == kernel.shape[-2] and _is_even(len(kernel.shape), strides, dilation_rate):
            shape = window_shape(inputs.shape, kernel.shape[:-2], strides, padding, dilation_rate)
        if shape is None:
            return original(inputs, kernel, strides, padding, data_format, dilation_rate)
        lower = partial(
            depthwise_call,
            inputs=inputs,
            kernel=kernel,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
        )
        return place(recorder, lower, [*shape, kernel.shape[-2] * kernel.shape[-1]], inputs.dtype)

    return depthwise_conv


def stand_for_unary(label: str) -> Any:
    """A function of one operand, and numbers: a stand-in."""

    def replace(original: Any, recorder: Recorder) -> Any:
        @functools.wraps(original)
        def call(x: Any, *args: Any, **kwargs: Any) -> Any:
            numbers = all(isinstance(a, (bool, int, float)) for a in (*args, *kwargs.values()))
            if not numbers or not may_stand(recorder, x):
                return original(x, *args, **kwargs)
            bound = inspect.signature(original).bind(x, *args, **kwargs)
            bound.apply_defaults()
            return place(recorder, partial(lowering.TABLE.frames[label], **bound.arguments), x.shape, x.dtype)

        return call

    return replace


def stand_for_matmul(original: Any, recorder: Recorder) -> Any:
    """`numpy.matmul` with a matrix of weights: a stand-in, and the weights are not read."""

    @functools.wraps(original)
    def matmul(x1: Any, x2: Any) -> Any:
        stands = may_stand(recorder, x1) and _is_read_as(x2, x1) and len(x2.shape) == 2
        if not stands or x1.shape.rank < 2 or x1.shape[-1] != x2.shape[0]:
            return original(x1, x2)
        return place(recorder, partial(matmul_call, x1=x1, x2=x2), [*x1.shape[:-1], x2.shape[1]], x1.dtype)

    return matmul


def stand_for_add(original: Any, recorder: Recorder) -> Any:
    """`numpy.add` with a weight that is no larger: a stand-in, and the weight is not read.

    What comes from a convolution that is none is left to TensorFlow: see the lowering of `numpy.add`.
    """

    @functools.wraps(original)
    def add(x1: Any, x2: Any) -> Any:
        stands = may_stand(recorder, x1) and _is_read_as(x2, x1) and 0 < len(x2.shape) <= x1.shape.rank
        fits = stands and x1.shape.as_list()[-len(x2.shape) :] == list(x2.shape)
        if not fits or x1.op.type in ("Conv2D", "Squeeze"):
            return original(x1, x2)
        return place(recorder, partial(add_weight, x=x1, weight=x2), x1.shape, x1.dtype)

    return add


def stand_for_reshape(original: Any, recorder: Recorder) -> Any:
    """`numpy.reshape` of a weight, as for the bias of a convolution: a stand-in, and the weight is not read."""

    @functools.wraps(original)
    def reshape(x: Any, newshape: Any) -> Any:
        known = isinstance(newshape, (tuple, list)) and all(isinstance(d, int) and d > 0 for d in newshape)
        if not known or not is_weight(x) or not may_place(recorder) or prod(newshape) != prod(x.shape):
            return original(x, newshape)
        dtype = tf.as_dtype(standardize_dtype(x.dtype))
        if not dtype.is_floating or is_float8(dtype):
            return original(x, newshape)
        lower = partial(reshape_weight, weight=x, shape=tuple(newshape))
        return place(recorder, lower, list(newshape), dtype)

    return reshape


def stand_for_layer_norm(original: Any, recorder: Recorder) -> Any:
    """`call` of LayerNormalization: a stand-in."""

    def call(layer: Any, inputs: Any) -> Any:
        parameters = [v for v in (layer.gamma, layer.beta) if v is not None]
        axes = sorted([layer.axis] if isinstance(layer.axis, int) else layer.axis)
        plain = not layer.rms_scaling and may_stand(recorder, inputs) and _are_plain(parameters)
        if not plain or not -inputs.shape.rank <= axes[0] <= axes[-1] < inputs.shape.rank:
            return original(layer, inputs)
        known = inputs.shape.as_list()
        positions = [a % inputs.shape.rank for a in axes]
        rising = positions == sorted(set(positions))
        if not rising or any(list(v.shape) != [known[a] for a in axes] for v in parameters):
            return original(layer, inputs)
        lower = partial(layer_norm, layer=layer, inputs=inputs)
        return place(recorder, lower, inputs.shape, layer.compute_dtype)

    return call


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
    return not is_channels_first(data_format)


def _is_even(rank: int, strides: Any, dilation: Any) -> bool:
    """Whether there are one or two axes, with the same stride along each, and no dilation is asked for."""
    steps, gaps = ({n} if isinstance(n, int) else set(n) for n in (strides, dilation))
    return rank <= 4 and len(steps) == 1 and gaps == {1}


def _is_kernel_of(kernel: Any, x: Any) -> bool:
    """Whether it is a weight that is read in the type of `x`, with axes that fit."""
    return _is_read_as(kernel, x) and len(kernel.shape) == x.shape.rank


def _is_read_as(weight: Any, x: Any) -> bool:
    """Whether it is a weight that is read in the type of `x`."""
    return is_weight(weight) and standardize_dtype(weight.dtype) == x.dtype.name


def _are_plain(parameters: Sequence[Any]) -> bool:
    """Whether they are weights that are read as they are."""
    casting = get_autocast_scope() is not None
    return all(is_weight(v) and not (v._autocast and casting) for v in parameters)


def _is_plain(layer: Any, inputs: Any, mask: Any) -> bool:
    """Whether nothing about the call is wrong or odd, such as parameters that are not read as they are."""
    parameters = [layer.moving_mean, layer.moving_variance]
    parameters += [layer.gamma] if layer.scale else []  # before Keras 3.4 there is no attribute of what is not used
    parameters += [layer.beta] if layer.center else []
    if not _are_plain(parameters) or any(len(v.shape) != 1 for v in parameters):
        return False
    rank = inputs.shape.rank
    if not isinstance(layer.axis, int) or not -rank <= layer.axis < rank:
        return False
    size = layer.moving_mean.shape[0]
    fits = all(v.shape[0] == size for v in parameters) and inputs.shape[layer.axis] in (None, size)
    return fits and (mask is None or len(mask.shape) == rank - 1)
