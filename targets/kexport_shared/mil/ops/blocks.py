"""Operations that trade channels or batch for space; x is [N, C, H, W]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


def depth_to_space(x: Array, block_size: Array) -> Array:
    """Blocks of channels (block first, then channel) become squares."""
    n, c, h, w = x.shape
    b = int(block_size)
    return x.reshape(n, b, b, c // (b * b), h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n, -1, h * b, w * b)


def space_to_depth(x: Array, block_size: Array) -> Array:
    """Squares become channels (block first, then channel)."""
    n, c, h, w = x.shape
    b = int(block_size)
    return x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4).reshape(n, -1, h // b, w // b)


def pixel_shuffle(x: Array, upscale_factor: Array) -> Array:
    """Channels (channel first, then block) become squares."""
    n, c, h, w = x.shape
    b = int(upscale_factor)
    return x.reshape(n, c // (b * b), b, b, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, -1, h * b, w * b)


def pixel_unshuffle(x: Array, downscale_factor: Array) -> Array:
    """Squares become channels (channel first, then block)."""
    n, c, h, w = x.shape
    b = int(downscale_factor)
    return x.reshape(n, c, h // b, b, w // b, b).transpose(0, 1, 3, 5, 2, 4).reshape(n, -1, h // b, w // b)


def space_to_batch(x: Array, block_shape: Array, paddings: Array) -> Array:
    """Padded space is cut into blocks whose places become batches."""
    bh, bw = (int(b) for b in block_shape)
    padded = np.pad(x, ((0, 0), (0, 0), *((int(b), int(a)) for b, a in paddings)))
    n, c, h, w = padded.shape
    parts = padded.reshape(n, c, h // bh, bh, w // bw, bw).transpose(3, 5, 0, 1, 2, 4)
    return parts.reshape(n * bh * bw, c, h // bh, w // bw)


def batch_to_space(x: Array, block_shape: Array, crops: Array) -> Array:
    """Batches become the places of blocks of space, which is then cropped."""
    bh, bw = (int(b) for b in block_shape)
    n, c, h, w = x.shape
    parts = x.reshape(bh, bw, n // (bh * bw), c, h, w).transpose(2, 3, 4, 0, 5, 1)
    return _cropped(parts.reshape(n // (bh * bw), c, h * bh, w * bw), *crops)


def crop(x: Array, crop_height: Array, crop_width: Array) -> Array:
    """x without some of its borders."""
    return _cropped(x, crop_height, crop_width)


def _cropped(x: Array, rows: Array, columns: Array) -> Array:
    top, bottom = (int(v) for v in rows)
    left, right = (int(v) for v in columns)
    return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]


OPERATIONS: dict[str, Callable[..., Any]] = {
    "depth_to_space": depth_to_space,
    "space_to_depth": space_to_depth,
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "space_to_batch": space_to_batch,
    "batch_to_space": batch_to_space,
    "crop": crop,
}
