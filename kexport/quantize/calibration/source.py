"""Opens whatever a user gives as calibration data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kexport.errors import ConfigError
from kexport.ir.contract import Port
from kexport.quantize.calibration import files, images
from kexport.quantize.calibration.iterables import ArraySource, BatchSource
from kexport.quantize.statistics.observing import Source


def open_source(
    data: Any,
    ports: Sequence[Port],
    *,
    limit: int | None = None,
    size: tuple[int, int] | None = None,
    pixels: str = "0..255",
) -> Source:
    """A source of calibration data.

    Args:
        data: a file of arrays (.npz, .npy, .safetensors), a folder of them or of images, an array, a dict of arrays
            by the names of the inputs, or an iterable of batches: a generator, a `tf.data.Dataset`, a `PyDataset`.
        ports: the model's inputs.
        limit: how many samples to read at most; None for all, of a folder of images `images.LIMIT`.
        size: height and width of images, for an input that takes any.
        pixels: what the model expects pixels to be: "0..255", "0..1" or "-1..1".

    Raises:
        ConfigError: there is nothing to read, or it cannot be; what its batches hold is looked at later.
    """
    if not ports:
        raise ConfigError("the model has no inputs to calibrate", hint="leave the calibration data out")
    if limit is not None and limit < 1:
        raise ConfigError(f"a limit of {limit} samples leaves no data", hint="give a limit of 1 or more, or none")
    if isinstance(data, str | Path):
        return _open_path(Path(data), ports, limit, size, pixels)
    if isinstance(data, Mapping | np.ndarray) or (hasattr(data, "__array__") and hasattr(data, "shape")):
        return ArraySource(data, ports, limit)
    if hasattr(data, "__iter__") or (hasattr(data, "__getitem__") and hasattr(data, "__len__")):
        return BatchSource(data, ports, limit)
    hint = "give a file, a folder of images, an array, or an iterable of batches"
    raise ConfigError(f"a {type(data).__name__} is no calibration data", hint=hint)


def _open_path(
    path: Path, ports: Sequence[Port], limit: int | None, size: tuple[int, int] | None, pixels: str
) -> Source:
    suffixes = f"a file or a folder of {', '.join(files.SUFFIXES)}, or a folder of images"
    if not path.exists():
        raise ConfigError("there is no such calibration data", where=str(path), hint=f"give {suffixes}")
    if path.is_file():
        if path.suffix.lower() in images.SUFFIXES:
            hint = "give the folder with the images; 100 or more are good"
            raise ConfigError("one image is no calibration data", where=str(path), hint=hint)
        if path.suffix not in files.SUFFIXES:
            raise ConfigError(
                f"{path.suffix or 'such'} files are no calibration data", where=str(path), hint=f"give {suffixes}"
            )
        return files.FileSource([path], ports, limit)
    arrays = sorted(p for p in path.iterdir() if p.suffix in files.SUFFIXES)
    pictures = images.image_files(path)
    if arrays and pictures:
        what = f"the folder has images and arrays, such as {pictures[0].name} and {arrays[0].name}"
        raise ConfigError(what, where=str(path), hint="give a folder with one kind of calibration data")
    if not arrays and not pictures:
        raise ConfigError("the folder has no calibration data", where=str(path), hint=f"give {suffixes}")
    if arrays:
        return files.FileSource(arrays, ports, limit)
    return images.ImageSource(path, ports, limit, size, pixels)
