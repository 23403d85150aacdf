"""A folder of images as calibration data: decoded by Pillow, resized to the model's input, in its channels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kexport.errors import ConfigError
from kexport.ir.contract import Port
from kexport.ir.op import Array
from kexport.names import suggest
from kexport.quantize.calibration.regroup import Batches, regroup
from kexport.target import pip_install

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
LIMIT = 200
"""Images that are read unless the caller says otherwise."""
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's name for so many channels."""
_WIDE = ("I", "I;16", "I;16B", "I;16L")
"""Pillow's modes of 16 bits and more."""
PIXELS = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0)}
"""What a pixel may become, by the range of it: a factor and what is added. The model's own layers come after."""


@dataclass(frozen=True)
class _Form:
    """What an input takes: height and width, and the channels with their axis (None where it has none)."""

    port: Port
    size: tuple[int, int]
    channels: int
    axis: int | None


class ImageSource:
    """The images of a folder and of the folders in it, in order of name, evenly spread over all of them.

    `pixels` is one of `PIXELS`. An input of integers gets 0 to 255.
    """

    def __init__(
        self,
        folder: Path,
        ports: Sequence[Port],
        limit: int | None = None,
        size: tuple[int, int] | None = None,
        pixels: str = "0..255",
    ):
        if pixels not in PIXELS:
            raise ConfigError(f"pixels cannot be {pixels!r}", hint=suggest(pixels, PIXELS, "ranges of pixels"))
        self._ports = ports
        self._pixels = pixels
        self._form = _form(ports, folder, size)
        files = image_files(folder)
        count = min(len(files), LIMIT if limit is None else limit)
        self._files = [files[i * len(files) // count] for i in range(count)]

    @property
    def samples(self) -> int:
        """How many images are read."""
        return len(self._files)

    @property
    def digest(self) -> str:
        """A hash of the files' bytes and of what is made of them."""
        digest = hashlib.sha256(f"images {self._form.size} {self._pixels}".encode())
        for file in self._files:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()

    def batches(self, rows: int) -> Batches:
        """See `Source`."""
        return regroup(self._parts(), self._ports, rows, None)

    def _parts(self) -> Iterator[Mapping[str, Array]]:
        for file in self._files:
            yield {self._form.port.name: _decode(file, self._form, self._pixels)[None]}


def image_files(folder: Path) -> list[Path]:
    """The files in a folder, and in the folders in it, that are called as images are."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def _form(ports: Sequence[Port], folder: Path, size: tuple[int, int] | None) -> _Form:
    if len(ports) != 1:
        names = ", ".join(p.name for p in ports)
        what = f"a folder of images is for one input, the model has {len(ports)}: {names}"
        raise ConfigError(what, where=str(folder), hint="give an .npz file with one array per input")
    (port,) = ports
    shape = port.type.shape
    axis = _channel_axis(shape)
    if len(shape) not in (3, 4) or (len(shape) == 4 and axis is None):
        what = f"input {port.name!r} is {port.type}, which is no image"
        raise ConfigError(what, where=str(folder), hint="give an .npz file with arrays as the model takes them")
    sides: list[Any] = [d for i, d in enumerate(shape) if i not in (0, axis)]
    if size is None and not all(isinstance(d, int) for d in sides):
        what = f"input {port.name!r} is {port.type}: the size of the images is open"
        raise ConfigError(what, where=str(folder), hint="give a size, as size=(224, 224)")
    height, width = (s if isinstance(s, int) else size[i] for i, s in enumerate(sides))  # type: ignore[index]
    return _Form(port, (height, width), 1 if axis is None else int(shape[axis]), axis)  # type: ignore[arg-type]


def _channel_axis(shape: Sequence[Any]) -> int | None:
    """The axis of channels of four: the last, or the second where that alone can be."""
    candidates = [i for i in (3, 1) if len(shape) == 4 and shape[i] in _MODES]
    return candidates[0] if candidates else None


def _decode(file: Path, form: _Form, pixels: str) -> Array:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as e:
        raise ConfigError("images need the package Pillow", where=str(file), hint=pip_install("images")) from e
    try:
        with Image.open(file) as image:
            plain = _eight_bits(image, Image) if image.mode in _WIDE else image
            converted = plain.convert(_MODES[form.channels])
            resized = converted.resize((form.size[1], form.size[0]), Image.Resampling.BILINEAR)
            array = np.asarray(resized)
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as e:
        hint = "remove the file, or save it again as a PNG or JPEG"
        raise ConfigError(f"the image cannot be decoded: {_reason(e, file)}", where=str(file), hint=hint) from e
    return _values(array, form, pixels)


def _eight_bits(image: Any, module: Any) -> Any:
    """An image of 16 bits in 8, which Pillow would cut off instead."""
    return module.fromarray((np.asarray(image).astype(np.float32) / 257).clip(0, 255).round().astype(np.uint8))


def _reason(error: Exception, file: Path) -> str:
    return str(error).replace(repr(str(file)), "this").replace(str(file), "this")


def _values(array: Array, form: _Form, pixels: str) -> Array:
    dtype = form.port.type.dtype
    if form.axis is not None:
        array = array.reshape(*form.size, form.channels)
        array = array.transpose(2, 0, 1) if form.axis == 1 else array
    factor, offset = PIXELS[pixels] if dtype.is_float else (1.0, 0.0)
    plain = factor == 1.0 and not offset
    return array.astype(dtype.numpy) if plain else (array * np.float64(factor) + offset).astype(dtype.numpy)
