"""Faults in stored weights, the same for every format: a format says how to read and write them by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from kexport.ir.op import Array
from tests.faults.edits import Inapplicable
from tests.faults.file_fault import FileEdit, FileFault

Arrays = Sequence[tuple[str, Array]]
Read = Callable[[Path], Arrays]
Write = Callable[[Path, Mapping[str, Array]], None]
"""Writes other arrays of the same types and sizes in the place of those that are stored."""
Change = Callable[[Array], Array]


def _flip(bit: int) -> Change:
    def flip(array: Array) -> Array:
        copy = array.copy()
        word = {2: np.uint16, 4: np.uint32}[copy.dtype.itemsize]
        copy.reshape(-1).view(word)[int(np.abs(copy).argmax())] ^= word(1 << bit)
        return copy

    return flip


def _turned(array: Array) -> Array:
    """The bytes of the transposed array under the old shape."""
    return array.T.reshape(array.shape)


def _half_lost(array: Array) -> Array:
    copy = array.copy()
    copy.reshape(-1)[copy.size // 2 :] = 0
    return copy


WEIGHT_CHANGES: dict[str, Change] = {
    "exponent bit of a stored weight": _flip(23),
    "high exponent bit of a stored weight": _flip(29),
    "sign bit of a stored weight": _flip(31),
    "stored weights of other endianness": lambda a: a.byteswap(),
    "stored weights shifted by one": lambda a: np.roll(a.reshape(-1), 1).reshape(a.shape),
    "stored rows shifted by one": lambda a: np.roll(a, 1, axis=0),
    "stored weights transposed": _turned,
    "stored weights half lost": _half_lost,
    "stored weights scaled by 1.001": lambda a: a * a.dtype.type(1.001),
    "stored weight is NaN": lambda a: np.concatenate([[a.dtype.type("nan")], a.reshape(-1)[1:]]).reshape(a.shape),
}
"""Faults in the largest weight of an artifact, for float32."""


def largest(arrays: Arrays) -> tuple[str, Array]:
    """The largest float32 array of at least two dims by name."""
    found = [(n, a) for n, a in arrays if a.dtype == np.float32 and a.ndim > 1 and a.size > 3]
    if not found:
        raise Inapplicable
    return max(found, key=lambda item: item[1].size)


def two_alike(arrays: Arrays) -> tuple[str, str]:
    """The names of two float32 arrays of one shape with other elements, the largest such."""
    ordered = sorted((a for a in arrays if a[1].dtype == np.float32 and a[1].size > 1), key=lambda a: -a[1].size)
    for i, (name, array) in enumerate(ordered):
        for other, candidate in ordered[i + 1 :]:
            if candidate.shape == array.shape and not np.array_equal(candidate, array):
                return name, other
    raise Inapplicable


def vectors(arrays: Arrays) -> tuple[str, Array]:
    """The last vector of float32 that is not zero: a bias, most likely."""
    found = [(n, a) for n, a in arrays if a.dtype == np.float32 and a.ndim == 1 and a.size > 1 and a.any()]
    if not found:
        raise Inapplicable
    return found[-1]


def weight_faults(read: Read, write: Write) -> tuple[FileFault, ...]:
    """All of them, for one format."""
    changed = (FileFault(name, _changed(read, write, largest, change)) for name, change in WEIGHT_CHANGES.items())
    return (
        *changed,
        FileFault("stored weights of two layers swapped", _swapped(read, write)),
        FileFault("stored bias dropped", _changed(read, write, vectors, np.zeros_like)),
        FileFault("stored bias negated", _changed(read, write, vectors, np.negative)),
        FileFault("stored weight off by an ulp", _changed(read, write, largest, _next_up), harmless=True),
    )


def _changed(read: Read, write: Write, choose: Callable[[Arrays], tuple[str, Array]], change: Change) -> FileEdit:
    def edit(path: Path) -> str:
        name, array = choose(read(path))
        changed = np.ascontiguousarray(change(array), array.dtype)
        if changed.tobytes() == array.tobytes():
            raise Inapplicable
        write(path, {name: changed})
        return name

    return edit


def _swapped(read: Read, write: Write) -> FileEdit:
    def edit(path: Path) -> str:
        arrays = read(path)
        a, b = two_alike(arrays)
        by_name = dict(arrays)
        write(path, {a: by_name[b], b: by_name[a]})
        return f"{a}, {b}"

    return edit


def _next_up(array: Array) -> Array:
    copy = array.copy()
    copy.flat[0] = np.nextafter(copy.flat[0], np.float32(np.inf))
    return copy
