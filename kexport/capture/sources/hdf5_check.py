"""Checks that an HDF5 file, or one inside a .keras file, holds only what Keras writes, and no links outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

from kexport.capture.sources.limits import BOMB_FLOOR, BOMB_RATIO
from kexport.errors import CaptureError, KexportError

MAX_DEPTH = 100
MAX_OBJECTS = 500_000
MAX_ATTRIBUTES = 10_000
FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
"""The filters built into h5py; HDF5 would search libraries on the machine for others."""
NUMBERS = "fiubc"
TEXT = "SUO"
"""The kinds of element types of weights, and of text."""


@contextmanager
def damaged(path: str, what: str = "the file is damaged or no HDF5 file at all") -> Iterator[None]:
    """Turn whatever h5py and numpy raise about a damaged file into one clear error.

    Raises:
        CaptureError: anything but an error that is one for the user already was raised inside.
    """
    try:
        yield
    except KexportError:
        raise
    except Exception as e:
        raise CaptureError(f"{what}: {_shown(e)}", where=path) from e


def check_hdf5(file: Any, size: int, path: str) -> None:
    """Check every object and attribute of an open file of `size` bytes, without reading its arrays.

    Raises:
        CaptureError: a link, storage elsewhere, another kind of object or type than Keras writes, or sizes that the
            file cannot hold; names the object.
    """
    for problem in _problems(file, size):
        raise CaptureError(f"{problem}; Keras writes no such thing", where=path)


def read_all(file: Any) -> None:
    """Read every attribute and array of a checked file, to find unreadable ones."""
    import h5py

    def read(_: str, item: Any) -> None:
        dict(item.attrs)
        if isinstance(item, h5py.Dataset):
            item[()]

    dict(file.attrs)
    file.visititems(read)


def _shown(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if isinstance(error, OSError) else f"{type(error).__name__}: {text}"


def _problems(file: Any, size: int) -> Iterator[str]:
    import h5py
    from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

    seen = {h5o.get_info(file.id).addr}
    claimed = 0
    todo = [(file, "", 0)]
    while todo:
        group, path, depth = todo.pop()
        yield from _attributes(group, path)
        for name in group:
            where = f"{path}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                yield f"{where} is a link to somewhere else"
            item = group[name]
            address = h5o.get_info(item.id).addr
            if address in seen:
                yield f"{where} is there twice"
            seen.add(address)
            if len(seen) > MAX_OBJECTS or depth > MAX_DEPTH:
                yield f"{where} is one of more than {MAX_OBJECTS} objects, or more than {MAX_DEPTH} levels deep"
            if isinstance(item, h5py.Group):
                todo.append((item, where, depth + 1))
                continue
            if not isinstance(item, h5py.Dataset):
                yield f"{where} is neither a group nor an array"
            yield from _attributes(item, where)
            yield from _dataset(item, where, size)
            claimed += item.nbytes
            if claimed > max(BOMB_FLOOR, BOMB_RATIO * size):
                yield f"{where} and what is before it unpack to {claimed} bytes"


def _dataset(item: Any, where: str, size: int) -> Iterator[str]:
    if item.external or item.is_virtual:
        yield f"{where} takes its values from another file"
    dtype = item.dtype
    is_opaque = dtype.kind == "V" and dtype.names is None and dtype.subdtype is None  # so is bfloat16
    if _is_odd(dtype) and not is_opaque:
        yield f"{where} has elements of type {dtype}"
    creation = item.id.get_create_plist()
    for i in range(creation.get_nfilters()):
        code = creation.get_filter(i)[0]
        if code not in FILTERS:
            yield f"{where} is packed with filter {code}"
    stored = item.id.get_storage_size()
    offset = item.id.get_offset() or 0
    if stored > size or offset + stored > size:
        yield f"{where} claims {stored} bytes of a file of {size}"
    if item.nbytes > max(BOMB_FLOOR, BOMB_RATIO * stored):
        yield f"{where} unpacks from {stored} to {item.nbytes} bytes"


def _attributes(item: Any, where: str) -> Iterator[str]:
    """What is wrong with the attributes of a group or array: their number, size or type."""
    import h5py

    count = h5py.h5a.get_num_attrs(item.id)
    if count > MAX_ATTRIBUTES:
        yield f"{where or '/'} has {count} attributes"
    for i in range(count):
        attribute = h5py.h5a.open(item.id, index=i)
        name = f"attribute {attribute.name.decode('utf-8', 'replace')!r} of {where or '/'}"
        claimed = prod(attribute.shape) * attribute.dtype.itemsize
        if claimed > BOMB_FLOOR:
            yield f"{name} has {claimed} bytes"
        if _is_odd(attribute.dtype):
            yield f"{name} has elements of type {attribute.dtype}"


def _is_odd(dtype: Any) -> bool:
    """Return whether this is neither number nor text: a reference to another object, a structure, a list of lists."""
    import h5py

    if dtype.kind == "O":
        return h5py.check_string_dtype(dtype) is None
    return dtype.kind not in NUMBERS + TEXT


def text_attribute(item: Any, name: str, path: str) -> str | None:
    """An attribute that is text, None where it is not there.

    Raises:
        CaptureError: it is something else.
    """
    if name not in item.attrs:
        return None
    value = item.attrs[name]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise CaptureError(f"its attribute {name!r} is no text but {str(value)[:40]!r}", where=path)
    return value
