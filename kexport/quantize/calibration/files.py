"""Calibration data in files of arrays: `.npz`, `.npy` and `.safetensors`, one or a folder of them."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from kexport.errors import ConfigError
from kexport.evidence.safetensors_file import read_file
from kexport.ir.contract import Port
from kexport.ir.op import Array
from kexport.quantize.calibration.fit import fit
from kexport.quantize.calibration.regroup import Batches, regroup

SUFFIXES = (".npz", ".npy", ".safetensors")


class FileSource:
    """Files with one array per input, each with samples on the first axis."""

    samples: int | None = None

    def __init__(self, files: Sequence[Path], ports: Sequence[Port], limit: int | None = None):
        self._files = files
        self._ports = ports
        self._limit = limit

    @property
    def digest(self) -> str:
        """A hash of the files' bytes and of how many samples are read."""
        digest = hashlib.sha256(f"files {self._limit}".encode())
        for file in self._files:
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()

    def batches(self, rows: int) -> Batches:
        """See `Source`."""
        return regroup(self._parts(), self._ports, rows, self._limit)

    def _parts(self) -> Iterator[Mapping[str, Array]]:
        for file in self._files:
            yield fit(_read(file, self._ports), self._ports, str(file))


def _read(file: Path, ports: Sequence[Port]) -> Mapping[str, Array]:
    try:
        if file.suffix == ".safetensors":
            return read_file(file)[0]
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return _only(loaded, ports, file)
        with loaded:
            return _named({k: loaded[k] for k in loaded.files}, ports)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as e:
        hint = "write it with numpy.savez: one array of numbers for each input"
        raise ConfigError(f"the calibration data cannot be read: {e}", where=str(file), hint=hint) from e


def _only(array: Array, ports: Sequence[Port], file: Path) -> Mapping[str, Array]:
    if len(ports) > 1:
        names = ", ".join(p.name for p in ports)
        what = f"one array is given, the model has {len(ports)} inputs: {names}"
        raise ConfigError(what, where=str(file), hint="give an .npz file with one array per input, by its name")
    return {ports[0].name: array}


def _named(arrays: Mapping[str, Array], ports: Sequence[Port]) -> Mapping[str, Array]:
    """The arrays; labels beside the inputs are left out, as is the name that numpy gives an array without one."""
    names = {p.name for p in ports}
    if len(ports) == 1 and arrays.keys() == {"arr_0"}:
        return {ports[0].name: arrays["arr_0"]}
    return {k: v for k, v in arrays.items() if k in names} if names <= arrays.keys() else arrays
