"""The weight file: every type as Apple's own writer stores it, and what is wrong with damaged ones."""

from __future__ import annotations

import importlib.util
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.errors import VerifyError
from kexport_shared.mil.blob import WeightFile
from kexport_shared.mil.dtypes import BY_NAME

LIBRARY = "coremltools.libmilstoragepython"


@pytest.fixture(scope="module")
def storage() -> Any:
    """coremltools' compiled blob library, without coremltools, under the name by which that would find it loaded."""
    if LIBRARY not in sys.modules:
        package = importlib.util.find_spec("coremltools")
        assert package is not None
        assert package.origin is not None
        spec = importlib.util.spec_from_file_location(LIBRARY, Path(package.origin).parent / "libmilstoragepython.so")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[LIBRARY] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[LIBRARY])
    return sys.modules[LIBRARY]


WHOLE = {
    "fp32": ("write_float_data", np.linspace(-3, 3, 11).astype(np.float32)),
    "int8": ("write_int8_data", np.arange(-5, 6).astype(np.int8)),
    "uint8": ("write_uint8_data", np.arange(250, 256).astype(np.uint8)),
    "int16": ("write_int16_data", np.array([-30000, 0, 30000], np.int16)),
    "uint16": ("write_uint16_data", np.array([0, 60000, 1], np.uint16)),
    "int32": ("write_int32_data", np.array([-(2**31), 7, 2**31 - 1], np.int32)),
    "uint32": ("write_uint32_data", np.array([2**32 - 1, 0, 1], np.uint32)),
}
NARROW = {"int4": 4, "uint1": 1, "uint2": 2, "uint3": 3, "uint4": 4, "uint6": 6}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_bytes(storage: Any, tmp_path: Path, name: str) -> None:
    method, values = WHOLE[name]
    writer = storage._BlobStorageWriter(str(tmp_path / "w.bin"))
    offset = getattr(writer, method)(values)
    del writer
    read = WeightFile(tmp_path / "w.bin").read(offset, BY_NAME[name], values.shape)
    assert read.dtype == values.dtype
    assert read.tolist() == values.tolist()


def test_half(storage: Any, tmp_path: Path) -> None:
    values = np.array([1.5, -2.25, 65504, 6e-8], np.float16)
    writer = storage._BlobStorageWriter(str(tmp_path / "w.bin"))
    offset = writer.write_fp16_data(values.view(np.uint16))
    del writer
    assert WeightFile(tmp_path / "w.bin").read(offset, BY_NAME["fp16"], (2, 2)).ravel().tolist() == values.tolist()


@pytest.mark.parametrize("count", [1, 7, 8, 13])
@pytest.mark.parametrize("name", NARROW)
def test_less_than_bytes(storage: Any, tmp_path: Path, name: str, count: int) -> None:
    steps = np.arange(count) * 5
    half = 8 if name == "int4" else 0
    values = (steps % (1 << NARROW[name]) - half).astype(np.int8 if half else np.uint8)
    writer = storage._BlobStorageWriter(str(tmp_path / "w.bin"))
    offset = getattr(writer, f"write_{name}_data")(values)
    del writer
    read = WeightFile(tmp_path / "w.bin").read(offset, BY_NAME[name], (count,))
    assert read.tolist() == values.tolist()


def _file(path: Path, *, version: int = 2, mark: int = 0xDEADBEEF, blob: int = 2, size: int = 8, at: int = 128) -> Path:
    head = struct.pack("<II", 1, version) + bytes(56)
    entry = struct.pack("<IIQQQ", mark, blob, size, at, 0) + bytes(32)
    path.write_bytes(head + entry + struct.pack("<2f", 1, 2))
    return path


def test_the_damage_below_is_all_there_is(tmp_path: Path) -> None:
    read = WeightFile(_file(tmp_path / "w.bin")).read(64, BY_NAME["fp32"], (2,))
    assert read.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 1}, "its version is 1, not 2"),
        ({"mark": 0}, "does not start with its mark"),
        ({"blob": 1}, "holds type 1, the program says fp32"),
        ({"size": 4}, "holds 4 bytes, not 2 values"),
        ({"size": 4000}, "lies outside the file"),
        ({"at": 100}, "lies outside the file"),
    ],
)
def test_damage(tmp_path: Path, change: dict[str, int], message: str) -> None:
    with pytest.raises(VerifyError, match=message):
        WeightFile(_file(tmp_path / "w.bin", **change)).read(64, BY_NAME["fp32"], (2,))


@pytest.mark.parametrize("offset", [1, 128, 6400])
def test_no_entry_there(tmp_path: Path, offset: int) -> None:
    with pytest.raises(VerifyError, match=f"no entry at offset {offset}"):
        WeightFile(_file(tmp_path / "w.bin")).read(offset, BY_NAME["fp32"], (2,))


def test_too_short(tmp_path: Path) -> None:
    path = tmp_path / "w.bin"
    path.write_bytes(b"short")
    with pytest.raises(VerifyError, match="shorter than its header"):
        WeightFile(path)
