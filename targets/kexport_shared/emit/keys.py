"""What tells one constant from another, so that each is stored once."""

from __future__ import annotations

from collections.abc import Hashable

from kexport.ir.op import Array


def place(array: Array) -> Hashable:
    """A key that is equal for views of the same elements in memory; only while both arrays live."""
    return array.__array_interface__["data"], array.strides, array.dtype, array.shape


def content(array: Array) -> Hashable:
    """A key that is equal for arrays of the same elements. It holds all of them: for small arrays."""
    elements = tuple(array.reshape(-1).tolist()) if array.dtype == object else array.tobytes()
    return elements, array.dtype, array.shape
