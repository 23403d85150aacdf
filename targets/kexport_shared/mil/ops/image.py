"""Resizing the last axes of a tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport_shared.mil.ops.grid import linear, nearest, positions

Array = np.ndarray


def _linear(x: Array, sizes: dict[int, int], mode: str) -> Array:
    for axis, size in sizes.items():
        x = linear(x, axis, positions(mode, x.shape[axis] - 1, size))
    return x


def _floored(x: Array, sizes: dict[int, int]) -> Array:
    for axis, size in sizes.items():
        x = nearest(x, axis, np.floor(positions("DEFAULT", x.shape[axis] - 1, size)))
    return x


def _scaled(x: Array, height: Array | float, width: Array | float) -> dict[int, int]:
    """The sizes of the last two axes after scaling; a product that is whole but for its float32 factor stays whole."""
    found = {}
    for axis, factor in ((x.ndim - 2, height), (x.ndim - 1, width)):
        found[axis] = int(np.floor(np.float32(factor) * np.float32(x.shape[axis])))
    return found


def _last_two(x: Array, height: Array | int, width: Array | int) -> dict[int, int]:
    return {x.ndim - 2: int(height), x.ndim - 1: int(width)}


def upsample_nearest_neighbor(
    x: Array, scale_factor_height: Array | float = 1, scale_factor_width: Array | float = 1
) -> Array:
    """The last two axes scaled, every place taking the element at or before it."""
    return _floored(x, _scaled(x, scale_factor_height, scale_factor_width))


def resize_nearest_neighbor(x: Array, target_size_height: Array, target_size_width: Array) -> Array:
    """The last two axes brought to sizes, every place taking the element at or before it."""
    return _floored(x, _last_two(x, target_size_height, target_size_width))


def upsample_bilinear(
    x: Array,
    scale_factor_height: Array | float = 1,
    scale_factor_width: Array | float = 1,
    align_corners: Array | bool = True,
    half_pixel_centers: Array | bool | None = None,
) -> Array:
    """The last two axes scaled, places between elements interpolated."""
    centred = not align_corners if half_pixel_centers is None else bool(half_pixel_centers)
    if align_corners and centred:
        raise VerifyError("corners cannot be aligned between half-pixel centres")
    mode = "STRICT_ALIGN_CORNERS" if align_corners else "UNALIGN_CORNERS" if centred else "DEFAULT"
    return _linear(x, _scaled(x, scale_factor_height, scale_factor_width), mode)


def resize_bilinear(
    x: Array,
    target_size_height: Array | int = 1,
    target_size_width: Array | int = 1,
    sampling_mode: str = "DEFAULT",
) -> Array:
    """The last two axes brought to sizes, places between elements interpolated."""
    return _linear(x, _last_two(x, target_size_height, target_size_width), sampling_mode)


def resize(
    x: Array,
    shape: Array,
    resized_dims: Array,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = "DEFAULT",
) -> Array:
    """The last `resized_dims` axes brought to the last sizes of `shape`, where 0 keeps the size."""
    count = int(resized_dims)
    wanted = [int(s) for s in shape][len(shape) - count :]
    axes = range(x.ndim - count, x.ndim)
    sizes = {axis: size or x.shape[axis] for axis, size in zip(axes, wanted, strict=True)}
    if interpolation_mode == "LINEAR":
        return _linear(x, sizes, sampling_mode)
    if interpolation_mode != "NEAREST_NEIGHBOR":
        raise VerifyError(f"there is no interpolation mode {interpolation_mode}")
    for axis, size in sizes.items():
        x = nearest(x, axis, np.rint(positions(sampling_mode, x.shape[axis] - 1, size)))
    return x


OPERATIONS: dict[str, Callable[..., Any]] = {
    "upsample_nearest_neighbor": upsample_nearest_neighbor,
    "resize_nearest_neighbor": resize_nearest_neighbor,
    "upsample_bilinear": upsample_bilinear,
    "resize_bilinear": resize_bilinear,
    "resize": resize,
}
