"""Colours and sizes of images by tf.image, against predict()."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kexport.capture.capture import capture
from kexport.errors import UnsupportedError
from tests.capture.agree import agree
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
