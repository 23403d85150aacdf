"""The weights that lie in a model's file as they are, found by their content hash and read without Keras."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from kexport.capture.sources.archive import is_archive, read_archive
from kexport.capture.sources.hdf5_probe import probe
from kexport.ir.op import Array
from kexport.ir.text import content_hash


def stored_arrays(path: Path, wanted: Collection[str]) -> dict[str, Array]:
    """Those of the wanted arrays, by content hash, that a .keras or .h5 file holds; none where h5py is missing.

    Raises:
        CaptureError: it is damaged, unsafe, or no file of a model.
        OSError: it cannot be opened.
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
        probe(path)
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
    """The arrays of numbers in a group of a file that was checked."""
    for item in group.values():
        if isinstance(item, h5py.Group):
            yield from _datasets(item, h5py)
        elif item.dtype.kind in "biufc":
            yield item[()]
