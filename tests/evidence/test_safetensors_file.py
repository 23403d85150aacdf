"""Our safetensors files are those of the safetensors package, and damaged ones are refused."""

from __future__ import annotations

import json
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from kexport.evidence.safetensors_file import DTYPES, read_file, write_file

TENSORS = {
    f"{name}/ä\n{i}": np.arange(size).reshape(shape).astype(dtype)
    for name, dtype in DTYPES.items()
    for i, (size, shape) in enumerate([(6, (2, 3)), (1, ()), (0, (0, 4))])
}


def written(tensors: dict[str, Any], metadata: dict[str, str]) -> bytes:
    file = BytesIO()
    write_file(file, tensors, metadata)
    return file.getvalue()


def test_the_bytes_are_those_of_the_package(tmp_path: Path) -> None:
    metadata = {"kexport": json.dumps({"name": "ü\t\x01"})}
    assert written(TENSORS, metadata) == safetensors.numpy.save(TENSORS, metadata)


def test_files_of_the_package_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    safetensors.numpy.save_file(TENSORS, path, {"a": "b"})
    tensors, metadata = read_file(path)
    assert metadata == {"a": "b"}
    assert sorted(tensors) == sorted(TENSORS)
    assert all(np.array_equal(tensors[k], v) and tensors[k].dtype == v.dtype for k, v in TENSORS.items())
    assert all(t.flags.aligned for t in tensors.values())


def entry(dtype: Any = "U8", shape: Any = (4,), offsets: Any = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"[]", "no object"),
        (b"{", "Expecting"),
        (b'{"x": ' + b"[" * 99999, "nested more than 64 levels deep"),
        ({"x": []}, "makes no sense"),
        ({"x": entry("U7")}, "makes no sense: 'U7'"),
        ({"x": entry(shape=[-4], offsets=[0, -4])}, "no sizes"),
        ({"x": entry(shape=[True, 4])}, "no sizes"),
        ({"x": entry(offsets=[0, 3])}, "has 3 bytes for uint8"),
        ({"x": entry(offsets=[1, 5])}, "leave a gap at byte 0"),
        ({"x": entry(), "y": entry()}, "overlap or leave a gap"),
        ({"x": entry(shape=[3], offsets=[0, 3])}, "take 3 bytes, the file has 4"),
        ({"x": entry(shape=[1 << 62], offsets=[0, 1 << 62])}, "the file has 4"),
        ({"__metadata__": [], "x": entry()}, "makes no sense"),
        ({"x": entry(shape=[10**30, 4])}, "64 bits"),
        (b'{"x": 1, "x": 2}', "twice in one object"),
        (b'{"x": "\\ud800"}', "half of a character"),
    ],
)
def test_damaged_files_are_refused(header: Any, message: str, tmp_path: Path) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = tmp_path / "bad"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    with pytest.raises(ValueError, match=message):
        read_file(path)


@pytest.mark.parametrize("shape", [[0, 1 << 63], [0, 1 << 62, 1 << 62], [0] * 99])
def test_empty_tensors_of_sizes_beyond_all_are_refused(shape: list[int], tmp_path: Path) -> None:
    text = json.dumps({"x": entry(shape=shape, offsets=[0, 0])}).encode()
    (tmp_path / "bad").write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(ValueError, match="makes no sense"):
        read_file(tmp_path / "bad")


@pytest.mark.parametrize("data", [b"", bytes(7), struct.pack("<Q", 1 << 60) + b"{}"])
def test_cut_off_files_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"expected|longer than the file"):
        read_file(path)
