"""The weight file: its layout, conversion while it is written, and memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from kexport.ir.types import DType
from kexport_coreml.blob import CHUNK, Weight, chunks, entry_offsets, write_blob
from kexport_coreml.lint_weights import WeightFile


def test_offsets_and_entries(tmp_path: Path) -> None:
    weights = [
        Weight(np.arange(n, dtype=np.float32), d) for n, d in ((11, DType.F32), (100, DType.F16), (13, DType.I8))
    ]
    offsets = entry_offsets(weights)
    assert offsets == [64, 192, 512]
    path = tmp_path / "weight.bin"
    write_blob(path, weights)
    found = WeightFile.read(path)
    assert found.problems == []
    assert found.entries == {64: (2, 44), 192: (1, 200), 512: (4, 13)}
    data = path.read_bytes()
    np.testing.assert_array_equal(np.frombuffer(data[256:456], np.float16), np.arange(100))


@pytest.mark.parametrize("shape", [(), (7,), (3, CHUNK // 2, 2), (1, 2 * CHUNK + 5), (CHUNK, 3)])
@pytest.mark.parametrize("dtype", [DType.F32, DType.F16], ids=str)
def test_chunks_are_the_array(shape: tuple[int, ...], dtype: DType) -> None:
    data = np.random.default_rng(0).standard_normal(shape[::-1]).astype(np.float32).T
    assert b"".join(chunks(data, dtype)) == np.ascontiguousarray(data).astype(dtype.numpy).tobytes()


def test_float16_is_rounded_as_numpy_does() -> None:
    bits = np.random.default_rng(0).integers(0, 1 << 32, 200_000).astype(np.uint32)
    ties = (np.arange(-4100, 4100, dtype=np.float32) / 2) * np.float32(2**-24)
    edges = np.float32([0, -0.0, 6.1e-5, -6.1e-5, 2**-14, 65504, 65519, 65520, np.inf, -np.inf])
    for data in (bits.view(np.float32), ties, edges):
        data = data[~np.isnan(data)]
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(b"".join(chunks(data, DType.F16)), data.astype(np.float16).tobytes())


def test_no_second_copy_of_a_weight_is_in_memory(tmp_path: Path) -> None:
    data = np.ones((2048, 4096), np.float32)
    weights = [Weight(data.T, DType.F16), Weight(data.reshape(32, 64, 4096).transpose(2, 0, 1), DType.F32)]
    tracemalloc.start()
    write_blob(tmp_path / "weight.bin", weights)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 9 << 20 < data.nbytes / 3
