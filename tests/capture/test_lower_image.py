"""Colours and sizes of images by tf.image, against predict()."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from kexport.errors import UnsupportedError
from tests.capture.agree import agree, normal
from tests.capture.layer_of import layer_of

IMAGES = np.random.default_rng(0).random((2, 7, 9, 3)).astype(np.float32)
CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "contrast": lambda image, x: image.adjust_contrast(x, 1.7),
    "saturation": lambda image, x: image.adjust_saturation(x, 1.4),
    "less_saturation": lambda image, x: image.adjust_saturation(x, 0.3),
    "hue": lambda image, x: image.adjust_hue(x, 0.2),
    "hue_back": lambda image, x: image.adjust_hue(x, -0.7),
    "area": lambda image, x: image.resize(x, [3, 4], method="area"),
    "area_up": lambda image, x: image.resize(x, [10, 9], method="area"),
    "area_by_half": lambda image, x: image.resize(x[:, :6, :8], [3, 4], method="area"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_images(call: Callable[[Any, Any], Any], keras: Any) -> None:
    import tensorflow as tf

    x = keras.Input((7, 9, 3))
    agree(keras.Model(x, layer_of(keras, lambda v: call(tf.image, v))(x)), [IMAGES])


def test_areas_of_images_of_any_size_are_refused(keras: Any) -> None:
    import tensorflow as tf

    x = keras.Input((None, 9, 3))
    with pytest.raises(UnsupportedError, match="whose size is not fixed"):
        capture(keras.Model(x, layer_of(keras, lambda v: tf.image.resize(v, [3, 4], method="area"))(x)))


@pytest.mark.parametrize("size", [(5, 7), (7, 5), (4, 4)], ids=str)
@pytest.mark.parametrize("how", ["crop_to_aspect_ratio", "pad_to_aspect_ratio"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_images_of_any_size_keep_their_ratio(size: Any, how: str, data_format: str, keras: Any) -> None:
    last = data_format == "channels_last"
    x = keras.Input((None, None, 3) if last else (3, None, None))

    def resized(x: Any) -> Any:
        return keras.ops.image.resize(x, size, interpolation="nearest", data_format=data_format, **{how: True})

    layer = keras.layers.Resizing(*size, interpolation="nearest", data_format=data_format, **{how: True})
    model = keras.Model(x, [layer(x), layer_of(keras, resized)(x)])
    shapes = [(2, 9, 8, 3), (1, 4, 13, 3), (1, 12, 3, 3), (1, 1, 1, 3)]
    agree(model, *([normal(*(s if last else (s[0], 3, *s[1:3])))] for s in shapes))


@pytest.mark.parametrize("method", ["lanczos3", "lanczos5"])
@pytest.mark.parametrize("antialias", [False, True])
def test_images_of_any_size_by_kernels(method: str, antialias: bool, keras: Any) -> None:
    import tensorflow as tf

    def resized(x: Any) -> Any:
        return tf.image.resize(x, (5, 7), method, antialias=antialias)

    x = keras.Input((None, None, 3))
    model = keras.Model(x, layer_of(keras, resized)(x))
    agree(model, [normal(2, 9, 8, 3)], [normal(1, 4, 13, 3)])


def test_a_size_is_computed_in_floats(keras: Any) -> None:
    import tensorflow as tf

    def middle(x: Any) -> Any:
        rows = tf.cast(tf.cast(tf.shape(x)[1] * 3, tf.float32) / 4, tf.int32)
        kept = tf.maximum(tf.minimum(rows, tf.shape(x)[2]), 1)
        return x[:, :kept, : tf.cast(tf.shape(x)[2] / 2, tf.int32)]

    x = keras.Input((None, None, 3))
    model = keras.Model(x, layer_of(keras, middle)(x))
    agree(model, [normal(2, 9, 8, 3)], [normal(1, 5, 13, 3)])
