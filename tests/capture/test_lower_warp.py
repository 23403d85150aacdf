"""Projections of images against predict()."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from kexport.errors import UnsupportedError
from kexport.ir.op import Array
from tests.capture.agree import agree
from tests.capture.layer_of import layer_of

TRANSFORMS = np.array(
    [[0.913, 0.107, 0.531, -0.109, 0.817, 0.313, 0.0011, 0.0023], [1.311, 0.219, -2.537, 0.113, 1.713, -3.317, 0, 0]],
    np.float32,
)


def images(dtype: str = "float32") -> Array:
    return (np.random.default_rng(0).random((2, 8, 9, 3)) * (255 if dtype == "uint8" else 1)).astype(dtype)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("mode", ["constant", "nearest", "reflect", "wrap"])
def test_one_transform_for_each_image(mode: str, interpolation: str, keras: Any) -> None:
    x = keras.Input((8, 9, 3))
    t = keras.Input((8,))
    y = layer_of(keras, lambda v, w: keras.ops.image.affine_transform(v, w, interpolation, mode, 0.3))(x, t)
    agree(keras.Model([x, t], y), [images(), TRANSFORMS])


@pytest.mark.parametrize("row", [0, 1])
def test_one_transform_for_all(row: int, keras: Any) -> None:
    x = keras.Input((8, 9, 3))
    y = layer_of(keras, lambda v: keras.ops.image.affine_transform(v, TRANSFORMS[row], fill_mode="reflect"))(x)
    agree(keras.Model(x, y), [images()])


def test_images_of_bytes(keras: Any) -> None:
    x = keras.Input((8, 9, 3), dtype="uint8")
    call = layer_of(keras, lambda v: keras.ops.image.affine_transform(v, TRANSFORMS[1], "nearest", fill_value=7))
    agree(keras.Model(x, call(x)), [images("uint8")])


def test_perspective_by_points_that_are_data(keras: Any) -> None:
    corners = np.array([[[0, 0], [7, 0], [0, 7], [7, 7]]] * 2, np.float32)
    x = keras.Input((8, 9, 3))
    start = keras.Input((4, 2))
    end = keras.Input((4, 2))
    y = layer_of(keras, keras.ops.image.perspective_transform)(x, start, end)
    agree(keras.Model([x, start, end], y), [images(), corners, corners * 0.8 + [[0.3, 0.6]]], tolerance=1e-4)


def test_images_of_any_size_are_refused(keras: Any) -> None:
    x = keras.Input((None, None, 3))
    y = layer_of(keras, lambda v: keras.ops.image.affine_transform(v, TRANSFORMS[1]))(x)
    with pytest.raises(UnsupportedError, match="give the input a fixed height and width"):
        capture(keras.Model(x, y))
