"""Keras layers that are computed another way while tracing, because Keras' own way does not trace well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from keras.src.ops import image

from kexport.capture.tracing.recorder import Recorder


def fold_time(original: Any, recorder: Recorder) -> Any:
    """TimeDistributed: the inner layer once, on time folded into the batch.

    Keras makes one copy of the layer for each step, or with a dynamic time a loop. A stateful inner layer sees the
    steps one after the other, so that one is left to Keras.
    """

    def call(layer: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        inner = layer.layer
        if not recorder.is_recording() or not tf.is_tensor(inputs) or getattr(inner, "stateful", False):
            return original(layer, inputs, training=training, mask=mask)
        kwargs: dict[str, Any] = {}
        if inner._call_has_mask_arg and mask is not None:
            kwargs["mask"] = merge_leading(mask)
        if inner._call_has_training_arg:
            kwargs["training"] = training
        folded = recorder.call_layer(inner, "layer", _call, (merge_leading(inputs),), kwargs)
        return split_leading(folded, inputs)

    return call


def resize_to_tensors(original: Any, recorder: Recorder) -> Any:
    """`keras.ops.image.resize` asks in Python whether the size is positive, which fails for a size that is a tensor."""

    def resize(images: Any, size: Any, *args: Any, **kwargs: Any) -> Any:
        if recorder.is_recording() and any(tf.is_tensor(s) for s in size):
            return image._resize(images, tuple(size), *args, **kwargs)
        return original(images, size, *args, **kwargs)

    return resize


def mask_by_minus_two(original: Any, recorder: Recorder) -> Any:
    """IntegerLookup that counts: masked keys become -2, which no class has, in place of the largest int64.

    Both are left out of the counts, but many formats have no int64. -1 stands for a key that was not found.
    """

    def look_up(layer: Any, inputs: Any) -> Any:
        if not recorder.is_recording() or layer.mask_token is None or layer.invert or layer.output_mode == "int":
            return original(layer, inputs)
        kept = layer._mask_value
        layer._mask_value = tf.constant(-2, kept.dtype)
        try:
            return original(layer, inputs)
        finally:
            layer._mask_value = kept

    return look_up


def keep_doubles(original: Any, recorder: Recorder) -> Any:
    """isin: to drop what stands twice among the elements makes no difference, but a size that depends on data."""

    def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
        return original(x1, x2, assume_unique=assume_unique or recorder.is_recording(), invert=invert)

    return isin


def merge_leading(x: Any) -> Any:
    """`[batch, time, ...]` as `[batch * time, ...]`."""
    batch, time, *rest = x.shape
    merged = None if batch is None or time is None else batch * time
    sizes = tf.shape(x) if rest.count(None) + (merged is None) > 1 else None
    return _reshape(x, [merged, *rest], None if sizes is None else [sizes[0] * sizes[1], *_rest(sizes, rest, 2)])


def split_leading(x: Any, like: Any) -> Any:
    """`[batch * time, ...]` as `[batch, time, ...]`, with the leading sizes of `like`."""
    shape = [*like.shape[:2], *x.shape[1:]]
    if shape.count(None) <= 1:
        return _reshape(x, shape, None)
    sizes = tf.shape(x)
    leading = tf.shape(like)
    return _reshape(x, shape, [leading[0], leading[1], *_rest(sizes, x.shape[1:], 1)])


def _rest(sizes: Any, dims: Sequence[int | None], start: int) -> list[Any]:
    return [sizes[start + i] if d is None else d for i, d in enumerate(dims)]


def _reshape(x: Any, shape: Sequence[int | None], dynamic: Sequence[Any] | None) -> Any:
    """Reshape with at most one unknown size, or with sizes that are tensors; the static shape is told either way."""
    known = [s if d is None else d for s, d in zip(dynamic, shape, strict=True)] if dynamic else None
    result = tf.reshape(x, tf.stack(known) if known else [-1 if d is None else d for d in shape])
    result.set_shape(shape)
    return result


def _call(layer: Any, *args: Any, **kwargs: Any) -> Any:
    return layer.call(*args, **kwargs)
