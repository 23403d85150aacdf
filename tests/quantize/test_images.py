"""Folders of images: decoded, resized, in the channels and numbers of the input; and what is wrong with them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kexport.errors import ConfigError
from kexport.ir.contract import Port
from kexport.ir.types import TensorType
from kexport.quantize.calibration.source import open_source

RGB = "f32[batch,8,6,3]"


def picture(
    path: Path, value: int | tuple[int, ...] = 128, size: tuple[int, int] = (12, 16), mode: str = "RGB"
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)
    return path


def read(folder: Path, type: str = RGB, **how: Any) -> np.ndarray:
    source = open_source(folder, (Port("image", TensorType.parse(type)),), **how)
    return np.concatenate([a["image"] for a, _ in source.batches(4)])


def test_images_are_resized_and_keep_their_colors(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (255, 0, 64))
    picture(tmp_path / "b.jpg", (0, 128, 0))
    found = read(tmp_path)
    assert (found.shape, found.dtype) == ((2, 8, 6, 3), np.float32)
    assert found[0, 3, 3].tolist() == [255, 0, 64]
    np.testing.assert_allclose(found[1, 3, 3], [0, 128, 0], atol=2)


@pytest.mark.parametrize(
    ("type", "shape", "first"),
    [
        ("f32[batch,8,6,1]", (1, 8, 6, 1), 76.0),
        ("f32[batch,8,6]", (1, 8, 6), 76.0),
        ("u8[batch,8,6,3]", (1, 8, 6, 3), 255),
        ("f32[batch,8,6,4]", (1, 8, 6, 4), 255.0),
        ("f32[batch,3,8,6]", (1, 3, 8, 6), 255.0),
        ("f16[batch,8,6,3]", (1, 8, 6, 3), 255.0),
        ("f32[1,8,6,3]", (1, 8, 6, 3), 255.0),
    ],
)
def test_the_input_decides_on_channels_and_type(tmp_path: Path, type: str, shape: tuple[int, ...], first: Any) -> None:
    picture(tmp_path / "a.png", (255, 0, 0))
    found = read(tmp_path, type)
    assert found.shape == shape
    assert found.dtype == TensorType.parse(type).dtype.numpy
    assert found.flat[0] == first


@pytest.mark.parametrize(("pixels", "value"), [("0..255", 255.0), ("0..1", 1.0), ("-1..1", 1.0)])
def test_pixels_become_what_is_asked_for(tmp_path: Path, pixels: str, value: float) -> None:
    picture(tmp_path / "a.png", (255, 0, 0))
    found = read(tmp_path, pixels=pixels)
    assert found[0, 0, 0, 0] == value
    assert found[0, 0, 0, 1] == (-1 if pixels == "-1..1" else 0)


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 257 * 100, np.uint16)).save(tmp_path / "a.png")
    assert read(tmp_path, "f32[batch,8,6,1]")[0, 0, 0, 0] == 100


def test_a_limit_takes_of_every_folder(tmp_path: Path) -> None:
    for i in range(6):
        picture(tmp_path / f"class{i % 2}" / f"{i}.png", (i, i, i))
    assert sorted(read(tmp_path, "f32[batch,8,6,1]", limit=2)[:, 0, 0, 0].tolist()) == [0, 1]


def test_open_sizes_need_one(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    assert read(tmp_path, "f32[batch,height,width,3]", size=(5, 7)).shape == (1, 5, 7, 3)
    with pytest.raises(ConfigError, match="the size of the images is open") as caught:
        read(tmp_path, "f32[batch,height,width,3]")
    assert "size=(224, 224)" in str(caught.value.hint)


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_images_that_do_not_decode_are_named(tmp_path: Path, cut: int) -> None:
    path = picture(tmp_path / "a.png", size=(60, 60))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ConfigError, match="the image cannot be decoded") as caught:
        read(tmp_path)
    assert caught.value.where == str(path)
    assert "remove the file" in str(caught.value.hint)


def test_images_of_a_size_that_bombs_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "a.png", size=(60, 60))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ConfigError, match="cannot be decoded"):
        read(tmp_path)


@pytest.mark.parametrize("type", ["f32[batch,8]", "f32[batch,8,6,5]", "f32[batch,2,8,6,3]"])
def test_inputs_that_are_no_images_are_said(tmp_path: Path, type: str) -> None:
    picture(tmp_path / "a.png")
    with pytest.raises(ConfigError, match="which is no image"):
        read(tmp_path, type)


def test_several_inputs_are_said(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    inputs = tuple(Port(n, TensorType.parse(RGB)) for n in "ab")
    with pytest.raises(ConfigError, match="a folder of images is for one input, the model has 2: a, b"):
        open_source(tmp_path, inputs)


def test_unknown_pixels_and_mixed_folders_are_said(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    with pytest.raises(ConfigError, match=r"pixels cannot be '0..2'") as caught:
        read(tmp_path, pixels="0..2")
    assert "'0..1'" in str(caught.value.hint) or "0..255" in str(caught.value.hint)
    np.save(tmp_path / "b.npy", np.ones(3))
    with pytest.raises(ConfigError, match=r"images and arrays, such as a.png and b.npy"):
        read(tmp_path)


def test_without_pillow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ConfigError, match="need the package Pillow") as caught:
        read(tmp_path)
    assert "kexport[images]" in str(caught.value.hint)
