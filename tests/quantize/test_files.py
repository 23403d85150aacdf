"""Calibration data in files: what fits is read in batches, what does not is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.errors import ConfigError
from kexport.evidence.safetensors_file import write_file
from kexport.ir.contract import Port
from kexport.ir.types import TensorType
from kexport.quantize.calibration.source import open_source


def ports(**types: str) -> tuple[Port, ...]:
    return tuple(Port(name, TensorType.parse(text)) for name, text in types.items())


X = ports(x="f32[batch,3]")
TWO = ports(ids="i32[batch,length]", mask="f32[batch,length]")


def saved(folder: Path, name: str = "data.npz", **arrays: Any) -> Path:
    path = folder / name
    np.savez(path, **arrays)
    return path


def read(path: Path, inputs: tuple[Port, ...] = X, rows: int = 4, **how: Any) -> list[tuple[dict[str, Any], int]]:
    return [(dict(a), n) for a, n in open_source(path, inputs, **how).batches(rows)]


def test_batches_come_in_order_and_the_rest_is_smaller(tmp_path: Path) -> None:
    data = np.arange(30).reshape(10, 3)
    found = read(saved(tmp_path, x=data))
    assert [n for _, n in found] == [4, 4, 2]
    assert np.concatenate([a["x"] for a, _ in found]).tolist() == data.tolist()
    assert found[0][0]["x"].dtype == np.float32


def test_a_limit_stops_within_a_batch(tmp_path: Path) -> None:
    assert [n for _, n in read(saved(tmp_path, x=np.zeros((10, 3))), limit=5)] == [4, 1]


def test_one_array_needs_no_name(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.ones((2, 3)))
    assert read(tmp_path / "data.npy")[0][1] == 2
    np.savez(tmp_path / "plain.npz", np.ones((5, 3)))
    assert [n for _, n in read(tmp_path / "plain.npz")] == [4, 1]


def test_labels_beside_the_inputs_are_left_out(tmp_path: Path) -> None:
    assert read(saved(tmp_path, x=np.ones((2, 3)), y=np.ones(2)))[0][0].keys() == {"x"}


def test_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    saved(tmp_path, "b.npz", x=np.full((3, 3), 2))
    saved(tmp_path, "a.npz", x=np.full((3, 3), 1))
    with (tmp_path / "c.safetensors").open("wb") as file:
        write_file(file, {"x": np.full((3, 3), 3, np.float32)}, {})
    found = np.concatenate([a["x"] for a, _ in read(tmp_path)])
    assert found[:, 0].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_a_sample_alone_gets_a_batch_axis(tmp_path: Path) -> None:
    assert read(saved(tmp_path, x=np.ones(3)))[0][1] == 1


def test_batches_of_a_fixed_size_are_whole(tmp_path: Path) -> None:
    path = saved(tmp_path, x=np.ones((8, 3)))
    assert [n for _, n in read(path, ports(x="f32[3,3]"), rows=64)] == [3, 3]
    with pytest.raises(ConfigError, match="takes batches of 9, there are 8 samples"):
        read(path, ports(x="f32[9,3]"))


def test_inputs_without_a_common_first_axis_come_whole(tmp_path: Path) -> None:
    inputs = ports(x="f32[batch,3]", scale="f32[]")
    found = read(saved(tmp_path, x=np.ones((2, 3)), scale=np.float32(3)), inputs)
    assert [(n, a["scale"].shape) for a, n in found] == [(1, ())]


def test_the_digest_is_of_content_and_limit(tmp_path: Path) -> None:
    a, b = (saved(tmp_path, f"{n}.npz", x=np.ones((2, 3))) for n in "ab")
    assert open_source(a, X).digest == open_source(b, X).digest
    assert open_source(a, X).digest != open_source(a, X, limit=1).digest
    saved(tmp_path, "b.npz", x=np.zeros((2, 3)))
    assert open_source(a, X).digest != open_source(b, X).digest


GOOD = {"ids": np.ones((2, 5), np.int64), "mask": np.ones((2, 5))}


@pytest.mark.parametrize(
    ("arrays", "words", "hint"),
    [
        ({"id": GOOD["ids"], "mask": GOOD["mask"]}, "is called id, mask, the inputs ids, mask", "did you mean 'ids'"),
        ({"ids": GOOD["ids"]}, "is called ids, the inputs ids, mask", "one array per input"),
        (GOOD | {"ids": np.ones((2, 5))}, "the calibration data is float64", "convert it: array.astype('int32')"),
        (GOOD | {"ids": np.full((2, 5), 2**40)}, "holds 1099511627776 to 1099511627776", "that the input's type holds"),
        (GOOD | {"ids": np.full((2, 5), "a")}, "the calibration data is <U1", "convert it"),
        (GOOD | {"mask": np.ones((2, 4))}, "does not fit: input 'mask'", "samples on the first axis"),
        (GOOD | {"mask": np.ones((3, 5))}, "does not fit: input 'mask'", "samples on the first axis"),
        (GOOD | {"mask": np.ones((2, 5, 1))}, "does not fit: input 'mask'", "samples on the first axis"),
        ({"ids": np.ones((0, 5), int), "mask": np.ones((0, 5))}, "of input 'ids' is empty", "at least one sample"),
        (
            GOOD | {"mask": np.array([[1] * 5, [np.nan, np.inf, 1, np.nan, 1]])},
            "of input 'mask' holds 2 NaN and 1 infinities in sample 1",
            "remove these samples",
        ),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, arrays: dict[str, Any], words: str, hint: str) -> None:
    path = saved(tmp_path, **arrays)
    with pytest.raises(ConfigError, match=words) as caught:
        read(path, TWO)
    assert caught.value.where == str(path)
    assert hint in str(caught.value.hint)


def test_one_array_for_several_inputs_is_said(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.ones((2, 5)))
    with pytest.raises(ConfigError, match="one array is given, the model has 2 inputs: ids, mask"):
        read(tmp_path / "data.npy", TWO)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("broken.npz", b"PK\x03\x04 no", "cannot be read"),
        ("empty.npy", b"", "cannot be read"),
        ("text.npz", b"hello", "cannot be read"),
        ("broken.safetensors", b"\xff" * 20, "cannot be read"),
        ("data.csv", b"1,2", r"\.csv files are no calibration data"),
        ("photo.png", b"1", "one image is no calibration data"),
    ],
)
def test_files_that_are_none_are_said(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=words) as caught:
        read(tmp_path / name)
    assert caught.value.hint


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(ConfigError, match="cannot be read: Object arrays cannot be loaded"):
        read(tmp_path / "data.npy")


def test_places_without_data_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such calibration data"):
        read(tmp_path / "none.npz")
    with pytest.raises(ConfigError, match="the folder has no calibration data"):
        read(tmp_path)
    with pytest.raises(ConfigError, match="a limit of 0 samples"):
        read(saved(tmp_path, x=np.ones((2, 3))), limit=0)
    with pytest.raises(ConfigError, match="no inputs to calibrate"):
        read(tmp_path, ())
