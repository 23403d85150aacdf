"""The weights that lie in a model's file as they are, found by their content hash and read without Keras."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from kexport.capture.sources.archive import BOMB_FLOOR, BOMB_RATIO, is_archive, read_archive
from kexport.ir.op import Array
from kexport.ir.text import content_hash


def stored_arrays(path: Path, wanted: Collection[str]) -> dict[str, Array]:
    """Those of the wanted arrays, by content hash, that a .keras or .h5 file holds; none where h5py is missing.

    Raises:
        CaptureError: it is a damaged or unsafe .keras file.
        OSError: it cannot be read, or is no HDF5 file.
    """
    found: dict[str, Array] = {}
    for array in _arrays(path):
        key = content_hash(array)
        if key in wanted:
            found[key] = array
        if len(found) == len(wanted):
            break
    return found


def _arrays(path: Path) -> Iterator[Array]:
    try:
        import h5py
    except ImportError:
        return
    if not is_archive(path):
        with h5py.File(path, "r") as file:
            yield from _datasets(file, h5py)
        return
    read_archive(path)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".h5"):
                with archive.open(name) as member, h5py.File(member, "r") as file:
                    yield from _datasets(file, h5py)


def _datasets(group: Any, h5py: Any) -> Iterator[Array]:
    """The arrays of numbers in a group that are in the file itself."""
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _datasets(item, h5py)
        elif isinstance(item, h5py.Dataset) and item.dtype.kind in "biufc" and _is_inside(item):
            yield item[()]


def _is_inside(dataset: Any) -> bool:
    most = max(BOMB_FLOOR, BOMB_RATIO * dataset.id.get_storage_size())
    return not dataset.external and not dataset.is_virtual and dataset.nbytes <= most
