"""The reference file: what goes in comes out, and a damaged file is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from kexport.errors import ConfigError, VerifyError
from kexport.evidence.batches import Batch
from kexport.evidence.reference_file import Recording, Reference, load_reference, save_reference, with_recordings
from kexport.evidence.tensors import load_tensors, save_tensors
from kexport.ir.contract import Contract, Port
from kexport.ir.types import TensorType
from kexport.verify.judge import tolerances
from tests import toy


@pytest.fixture
def saved(reference: Reference, tmp_path: Path) -> Path:
    path = tmp_path / "toy.reference.safetensors"
    save_reference(reference, path)
    return path


def test_round_trip(reference: Reference, saved: Path) -> None:
    loaded = load_reference(saved)
    assert loaded.contract == reference.contract
    assert loaded.environment == reference.environment
    assert loaded.has_oracle
    assert tolerances(loaded) == tolerances(reference)
    for a, b in zip(loaded.recordings, reference.recordings, strict=True):
        assert (a.batch.name, a.batch.kind, a.batch.sizes, a.batch.seed) == (
            b.batch.name,
            b.batch.kind,
            b.batch.sizes,
            b.batch.seed,
        )
        for x, y in ((a.batch.inputs, b.batch.inputs), (a.outputs, b.outputs), (a.oracle, b.oracle)):
            assert list(x or {}) == list(y or {})
            assert all(np.array_equal(x[k], y[k]) and x[k].dtype == y[k].dtype for k in x or {})  # type: ignore[index]


def test_layers_and_a_missing_oracle_survive(reference: Reference, tmp_path: Path) -> None:
    first = reference.recordings[0]
    layers = {"encoder/block_1/conv": np.ones((1, 2), np.float32)}
    save_reference(with_recordings(reference, [Recording(first.batch, first.outputs, layers=layers)]), tmp_path / "r")
    (recording,) = load_reference(tmp_path / "r").recordings
    assert recording.oracle is None
    assert list(recording.layers) == ["encoder/block_1/conv"]


def test_same_reference_same_bytes(reference: Reference, saved: Path, tmp_path: Path) -> None:
    save_reference(reference, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == saved.read_bytes()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_failed_write_leaves_the_old_file(reference: Reference, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full(file: BinaryIO, tensors: Any, metadata: Any) -> None:
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("kexport.evidence.tensors.write_file", full)
    with pytest.raises(VerifyError, match="cannot write: no space left"):
        save_reference(reference, saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_truncated_files_are_refused(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(VerifyError, match="truncated or damaged"):
        load_reference(saved)


def test_changed_numbers_are_refused(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[-20] ^= 1
    saved.write_bytes(data)
    with pytest.raises(VerifyError, match="does not fit its hash"):
        load_reference(saved)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(VerifyError, match="no such file"):
        load_reference(tmp_path / "gone")


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    safetensors.numpy.save_file({"x": np.ones(3)}, tmp_path / "foreign")
    with pytest.raises(VerifyError, match="not a file of kexport"):
        load_reference(tmp_path / "foreign")


def edited(saved: Path, **changes: Any) -> Path:
    """The file with other metadata, and a hash that fits."""
    tensors, metadata = load_tensors(saved)
    drop = changes.pop("drop", "")
    save_tensors(saved, {k: v for k, v in tensors.items() if not drop or not k.startswith(drop)}, metadata | changes)
    return saved


BATCH = {"name": "other", "kind": "random", "sizes": {}, "seed": 0, "layers": []}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 99}, "has format 99, this kexport reads 1"),
        ({"contract": {}}, r"damaged: data\.contract must contain \['inputs', 'outputs'\]"),
        ({"contract": {"inputs": [{"name": "x", "type": "q7[1]"}], "outputs": []}}, "not a tensor type"),
        ({"compute": "f7"}, r"damaged: data\.compute must be one of"),
        ({"batches": {"name": 1}}, r"damaged: data\.batches must be array"),
        ({"environment": {"versions": {"jax": 1}}}, r"damaged: data\.environment\.versions\.jax must be string"),
        ({"contract": []}, "description of the tensors is damaged"),
        ({"batches": []}, "without batches"),
        (
            {"batches": [{"name": "other", "kind": "random", "sizes": {}, "seed": 0, "layers": []}]},
            "batch 'other' lacks input x",
        ),
        ({"environment": {"color": "red"}}, "description of the tensors is damaged"),
        ({"drop": "output/random-1/probs"}, "batch 'random-1' lacks output probs"),
        ({"drop": "oracle/random-2/hidden"}, "batch 'random-2' lacks oracle hidden"),
        ({"contract": toy.CONTRACT.bind({"batch": 2}).to_json()}, r"input 'x': the contract says f32\[2,12\]"),
    ],
)
def test_inconsistent_files_are_refused(saved: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(VerifyError, match=message) as caught:
        load_reference(edited(saved, **changes))
    assert caught.value.where == str(saved)


def test_a_reference_that_contradicts_its_contract_is_not_written(reference: Reference, tmp_path: Path) -> None:
    first = reference.recordings[0]
    wrong = {**first.outputs, "probs": first.outputs["probs"].astype(np.float16)}
    with pytest.raises(VerifyError, match=r"output 'probs': the contract says f32\[1,5\], the array is float16"):
        save_reference(with_recordings(reference, [dataclasses.replace(first, outputs=wrong)]), tmp_path / "r")
    with pytest.raises(VerifyError, match="batch names must differ"):
        save_reference(with_recordings(reference, [first, first]), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_odd_element_types_survive(tmp_path: Path) -> None:
    arrays = {
        "bf16": np.array([1.5, -2], ml_dtypes.bfloat16),
        "i4": np.array([[-8, 7]], ml_dtypes.int4),
        "c64": np.array([1 + 2j], np.complex64),
        "bool": np.array(True),
        "empty": np.zeros((0, 3), np.int64),
        "strided": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    }
    save_tensors(tmp_path / "t", arrays, {"note": float("inf")})
    loaded, metadata = load_tensors(tmp_path / "t")
    assert metadata == {"note": "inf"}
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
        assert np.array_equal(loaded[name], array)


def test_text_of_a_fixed_width_cannot_be_stored(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be stored"):
        save_tensors(tmp_path / "t", {"s": np.array(["a"])}, {})


def test_header_holds_one_metadata_entry(saved: Path) -> None:
    """safetensors writes several entries in no fixed order."""
    raw = saved.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert list(header["__metadata__"]) == ["kexport"]


def test_dynamic_output_sizes_may_depend_on_data(tmp_path: Path) -> None:
    contract = Contract(
        (Port("x", TensorType.parse("f32[batch]")),), (Port("y", TensorType.parse("f32[count,2*batch]")),)
    )
    batch = Batch("random-0", "random", {"batch": 2}, {"x": np.ones(2, np.float32)}, 0)
    outputs = {"y": np.ones((7, 4), np.float32)}
    save_reference(Reference(contract, (Recording(batch, outputs),)), tmp_path / "r")
    assert load_reference(tmp_path / "r").recordings[0].outputs["y"].shape == (7, 4)
