"""Reads the description of a model's inputs, outputs and states."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kexport.errors import VerifyError

ARRAY_TYPES = {65568: "float32", 65600: "float64", 65552: "float16", 131104: "int32", 131080: "int8"}
COLORS = {10: "gray", 20: "rgb", 30: "bgr", 40: "gray16"}
CHANNELS = {"rgb": 3, "bgr": 3}


class Range(NamedTuple):
    """The sizes one dimension may take; `high` is None where there is no bound."""

    low: int
    high: int | None

    def holds(self, size: int) -> bool:
        """Whether the size is allowed."""
        return self.low <= size and (self.high is None or size <= self.high)


class Feature(NamedTuple):
    """One input, output or state: `kind` is array, image, text, int64, float64 or dictionary.

    `shape` is the default; `ranges` (a Range for every dimension) or `shapes` (a choice) say what else is allowed.
    """

    name: str
    kind: str
    dtype: str | None = None
    shape: tuple[int, ...] = ()
    ranges: tuple[Range, ...] | None = None
    shapes: tuple[tuple[int, ...], ...] | None = None
    optional: bool = False
    color: str | None = None

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of this shape may be given."""
        if self.shapes:
            return shape in self.shapes
        if self.ranges:
            return len(shape) == len(self.ranges) and all(r.holds(s) for r, s in zip(self.ranges, shape, strict=True))
        return not self.shape or shape == self.shape


def feature(message: Any) -> Feature:
    """The feature of a `FeatureDescription` message."""
    kind = message.type.WhichOneof("Type")
    if kind not in READERS:
        raise VerifyError(f"feature {message.name} is of kind {kind}, which an ML program does not have")
    found = READERS[kind](message.name, getattr(message.type, kind))
    return found._replace(optional=message.type.isOptional)


def _array(name: str, array: Any) -> Feature:
    if array.dataType not in ARRAY_TYPES:
        raise VerifyError(f"feature {name} has array type {array.dataType}, which is not known")
    flexible = array.WhichOneof("ShapeFlexibility")
    ranges = _ranges(array.shapeRange.sizeRanges) if flexible == "shapeRange" else None
    shapes = tuple(tuple(s.shape) for s in array.enumeratedShapes.shapes) if flexible == "enumeratedShapes" else None
    return Feature(name, "array", ARRAY_TYPES[array.dataType], tuple(array.shape), ranges, shapes)


def _ranges(sizes: Any) -> tuple[Range, ...]:
    return tuple(Range(s.lowerBound, None if s.upperBound < 0 else s.upperBound) for s in sizes)


def _image(name: str, image: Any) -> Feature:
    color = COLORS.get(image.colorSpace)
    if color is None:
        raise VerifyError(f"image {name} has color space {image.colorSpace}, which is not known")
    lead = (1, CHANNELS.get(color, 1))
    flexible = image.WhichOneof("SizeFlexibility")
    ranges = shapes = None
    if flexible == "imageSizeRange":
        sizes = _ranges((image.imageSizeRange.heightRange, image.imageSizeRange.widthRange))
        ranges = (*(Range(n, n) for n in lead), *sizes)
    elif flexible == "enumeratedSizes":
        shapes = tuple((*lead, s.height, s.width) for s in image.enumeratedSizes.sizes)
    dtype = "float16" if color == "gray16" else "uint8"
    return Feature(name, "image", dtype, (*lead, image.height, image.width), ranges, shapes, color=color)


def _state(name: str, state: Any) -> Feature:
    return _array(name, state.arrayType)


def _dictionary(name: str, entry: Any) -> Feature:
    return Feature(name, "dictionary", "float64")


READERS = {
    "multiArrayType": _array,
    "imageType": _image,
    "stateType": _state,
    "dictionaryType": _dictionary,
    "stringType": lambda name, _: Feature(name, "text"),
    "int64Type": lambda name, _: Feature(name, "int64", "int64"),
    "doubleType": lambda name, _: Feature(name, "float64", "float64"),
}


def as_tensor(item: Feature, given: Any) -> np.ndarray:
    """Convert a value from the caller for the program: images become [1, channels, height, width]."""
    array = np.asarray(given)
    if item.kind == "image" and array.ndim in (2, 3):
        array = array[None] if array.ndim == 2 else np.moveaxis(array[..., :: -1 if item.color == "bgr" else 1], -1, 0)
        array = array[None]
    if array.shape == () and item.shape == (1,):
        array = array.reshape(1)
    if not item.accepts(array.shape):
        raise VerifyError(f"input {item.name} of shape {array.shape} does not fit its description {_allowed(item)}")
    return array


def _allowed(item: Feature) -> str:
    if item.shapes:
        return " or ".join(str(s) for s in item.shapes)
    if item.ranges:
        return "(" + ", ".join(f"{r.low}..{'' if r.high is None else r.high}" for r in item.ranges) + ")"
    return str(item.shape)
