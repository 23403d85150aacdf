"""Operations that arrange a tensor's elements anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport_shared.mil.context import IOS17, Context

Array = np.ndarray


def reshape(context: Context, x: Array, shape: Array) -> Array:
    """x in another shape; -1 takes what is left, 0 copies a size of x (since iOS 17 counted from the right)."""
    wanted = [int(s) for s in shape]
    if 0 in wanted and x.size:
        wanted = _copied(wanted, x.shape, context.opset >= IOS17)
    return x.reshape(wanted)


def _copied(wanted: list[int], shape: tuple[int, ...], from_right: bool) -> list[int]:
    if not from_right:
        if len(wanted) != len(shape):
            raise VerifyError(f"0 in a shape needs rank {len(shape)}, the shape is {wanted}")
        return [own if size == 0 else size for size, own in zip(wanted, shape, strict=True)]
    known = [1] * max(0, len(wanted) - len(shape)) + list(shape)
    return [own if size == 0 else size for size, own in zip(wanted, known[len(known) - len(wanted) :], strict=True)]


def reshape_like(
    x: Array, ref_tensors: Sequence[Array], begins: Sequence[Array], ends: Sequence[Array], end_masks: Sequence[Array]
) -> Array:
    """x in a shape put together from parts of the shapes of other tensors."""
    wanted: list[int] = []
    for tensor, begin, end, mask in zip(ref_tensors, begins, ends, end_masks, strict=True):
        wanted += tensor.shape[int(begin) : None if mask else int(end)]
    return x.reshape(wanted)


def expand_dims(x: Array, axes: Array) -> Array:
    """x with new axes of size 1 at these places of the result."""
    return np.expand_dims(x, tuple(int(a) for a in np.ravel(axes)))


def squeeze(x: Array, axes: Array | None = None) -> Array:
    """x without its axes of size 1, or without those of the given ones."""
    chosen = range(x.ndim) if axes is None else [int(a) % x.ndim for a in axes]
    return np.squeeze(x, tuple(a for a in chosen if x.shape[a] == 1))


def concat(values: Sequence[Array], axis: Array, interleave: Array | bool = False) -> Array:
    """Tensors after each other along an axis, or element by element in turn."""
    parts = [np.atleast_1d(v) for v in values]
    place = int(axis) % parts[0].ndim
    if not interleave:
        return np.concatenate(parts, axis=place)
    shape = list(parts[0].shape)
    shape[place] *= len(parts)
    return np.stack(parts, axis=place + 1).reshape(shape)


def split(
    x: Array, axis: Array, num_splits: Array | None = None, split_sizes: Array | None = None
) -> tuple[Array, ...]:
    """x cut along an axis into equal parts or parts of given sizes."""
    if split_sizes is not None:
        return tuple(np.split(x, np.cumsum(split_sizes)[:-1], axis=int(axis)))
    if num_splits is None:
        raise VerifyError("neither num_splits nor split_sizes is given")
    return tuple(np.split(x, int(num_splits), axis=int(axis)))


def flatten2d(x: Array, axis: Array | int = 1) -> Array:
    """x as a matrix: the axes before and from `axis` on."""
    place = int(axis) + x.ndim if int(axis) < 0 else int(axis)
    return x.reshape(int(np.prod(x.shape[:place])), -1)


def reverse(x: Array, axes: Array | None = None) -> Array:
    """x backwards along axes, all of them by default."""
    return np.flip(x, None if axes is None else tuple(int(a) for a in axes))


def reverse_sequence(x: Array, lengths: Array, seq_axis: Array | int = 0, batch_axis: Array | int = 0) -> Array:
    """x with the first elements of every sequence backwards."""
    time = int(seq_axis) % x.ndim
    batch = int(batch_axis) % x.ndim
    steps = np.arange(x.shape[time])
    places = np.array([np.where(steps < n, n - 1 - steps, steps) for n in lengths.astype(np.int64)])
    shape = [1] * x.ndim
    shape[batch] = x.shape[batch]
    shape[time] = x.shape[time]
    ordered = places.T if time < batch else places
    return np.take_along_axis(x, ordered.reshape(shape), axis=time)


def sliding_windows(x: Array, axis: Array, size: Array, stride: Array | int = 1) -> Array:
    """All windows along an axis, the place in the window as a new axis behind it."""
    place = int(axis) % x.ndim
    views = np.lib.stride_tricks.sliding_window_view(x, int(size), axis=place)
    return np.moveaxis(views, -1, place + 1)[(slice(None),) * place + (slice(None, None, int(stride)),)]


def tile(x: Array, reps: Array) -> Array:
    """x repeated along every axis."""
    return np.tile(x, [int(r) for r in reps])


PAD_MODES = {"reflect": "reflect", "replicate": "edge", "symmetric": "symmetric"}


def pad(x: Array, pad: Array, mode: str = "constant", constant_val: Array | float = 0.0) -> Array:
    """x with elements added around its last axes."""
    pairs = np.asarray(pad, np.int64).reshape(-1, 2)
    widths = [(0, 0)] * (x.ndim - len(pairs)) + [(int(b), int(a)) for b, a in pairs]
    if mode == "constant":
        return np.pad(x, widths, constant_values=np.asarray(constant_val, x.dtype))
    if mode not in PAD_MODES:
        raise VerifyError(f"there is no padding mode {mode}")
    return np.pad(x, widths, mode=PAD_MODES[mode])  # type: ignore[call-overload]


OPERATIONS: dict[str, Callable[..., Any]] = {
    "reshape_like": reshape_like,
    "transpose": lambda x, perm: np.transpose(x, [int(p) for p in perm]),
    "expand_dims": expand_dims,
    "squeeze": squeeze,
    "concat": concat,
    "stack": lambda values, axis: np.stack(values, int(axis)),
    "split": split,
    "flatten2d": flatten2d,
    "reverse": reverse,
    "reverse_sequence": reverse_sequence,
    "sliding_windows": sliding_windows,
    "tile": tile,
    "pad": pad,
}
CONTEXTUAL: dict[str, Callable[..., Any]] = {"reshape": reshape}
