"""The description of a model: the types of its inputs and outputs, and what kexport knows about it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import kexport
from kexport.errors import ConfigError
from kexport.ir.contract import Contract
from kexport.ir.dim import SymDim, substitute, symbols
from kexport.target import Span
from kexport_coreml import proto
from kexport_coreml.dtypes import ARRAY_CODES
from kexport_coreml.emission import Emission
from kexport_coreml.images import COLORS, Image
from kexport_coreml.refs import Ref
from kexport_coreml.signatures import OPSETS

CONTRACT_KEY = "kexport.contract"
NAMES_KEY = "kexport.names"
IMAGES_KEY = "kexport.images"
FLOAT32_KEY = "kexport.float32"
PRECISION_KEY = "kexport.precision"
VERSION_KEY = "kexport.version"
MOST_SHAPES = 128
"""The most enumerated shapes of an input in Core ML."""


def build_model(emission: Emission, sizes: Mapping[str, Span], ios: int, images: Mapping[str, Image]) -> Any:
    """The `Model` message without its program; `images` are the inputs that take one, by name."""
    message = proto.model().Model(specificationVersion=OPSETS[ios][1])
    for ref in emission.inputs:
        feature = message.description.input.add(name=ref.name)
        if ref.name in images:
            _image(feature.type.imageType, ref, sizes, COLORS[images[ref.name].layout])
        else:
            _array(feature.type.multiArrayType, ref, sizes)
    for ref in emission.outputs:
        feature = message.description.output.add(name=ref.name)
        array = feature.type.multiArrayType
        array.dataType = ARRAY_CODES[ref.dtype]
        if not any(isinstance(d, SymDim) for d in ref.shape):
            array.shape.extend(ref.shape)
    few = [f for f in message.description.input if f.type.multiArrayType.HasField("enumeratedShapes")]
    if len(few) > 1 and ios < 18:
        raise ConfigError(
            "one input at most can have a few sizes only, before iOS 18",
            where="coreml.sizes",
            hint="give the others a range, such as -O coreml.sizes=length=1..512",
        )
    return message


def _array(message: Any, ref: Ref, sizes: Mapping[str, Span]) -> None:
    message.dataType = ARRAY_CODES[ref.dtype]
    names = sorted({s for d in ref.shape for s in symbols(d)})
    shapes = [_bound(ref, dict(zip(names, choice, strict=True))) for choice in _choices(ref, names, sizes)]
    if not names:
        message.shape.extend(shapes[0])
    elif any(sizes[n].few for n in names):
        message.shape.extend(shapes[0])
        for shape in dict.fromkeys(shapes):
            message.enumeratedShapes.shapes.add(shape=shape)
    else:
        low, high = shapes
        message.shape.extend(low)
        for a, b in zip(low, high, strict=True):
            message.shapeRange.sizeRanges.add(lowerBound=a, upperBound=b)


def _image(message: Any, ref: Ref, sizes: Mapping[str, Span], color: int) -> None:
    message.colorSpace = color
    names = sorted({s for d in ref.shape for s in symbols(d)})
    shapes = [_bound(ref, dict(zip(names, choice, strict=True)))[2:] for choice in _choices(ref, names, sizes)]
    message.height, message.width = shapes[0]
    if any(sizes[n].few for n in names):
        for height, width in dict.fromkeys(shapes):
            message.enumeratedSizes.sizes.add(height=height, width=width)
    elif names:
        for field, low, high in zip(("heightRange", "widthRange"), *shapes, strict=True):
            area = getattr(message.imageSizeRange, field)
            area.lowerBound = low
            area.upperBound = high


def _choices(ref: Ref, names: Sequence[str], sizes: Mapping[str, Span]) -> Sequence[tuple[int, ...]]:
    """Return the least and greatest shapes, or every combination of a few sizes."""
    if not any(sizes[n].few for n in names):
        low = tuple(sizes[n].low for n in names)
        high = tuple(sizes[n].high for n in names)
        return [low, high] if names else [()]
    wide = [n for n in names if not sizes[n].few and sizes[n].low != sizes[n].high]
    if wide:
        raise ConfigError(
            f"input {ref.name!r} has a few sizes of one axis and a range of another",
            where="coreml.sizes",
            hint=f"give {', '.join(wide)} a few sizes too, such as {wide[0]}=1|8, or one",
        )
    found = list(product(*(sizes[n].few or (sizes[n].low,) for n in names)))
    if len(found) > MOST_SHAPES:
        what = f"input {ref.name!r} would have {len(found)} shapes, Core ML takes {MOST_SHAPES}"
        raise ConfigError(what, where="coreml.sizes", hint="give fewer sizes, or ranges, such as length=1..512")
    return found


def _bound(ref: Ref, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(int(substitute(d, dict(sizes))) for d in ref.shape)  # type: ignore[arg-type]


def add_metadata(
    description: Any, contract: Contract, names: Mapping[str, Mapping[str, str]], facts: Mapping[str, Any]
) -> None:
    """Write what kexport needs to read the artifact back; facts that are empty are left out."""
    changed = {k: v for k, v in names.items() if v}
    known = {CONTRACT_KEY: contract.to_json(), VERSION_KEY: kexport.__version__, NAMES_KEY: changed, **facts}
    for key, value in known.items():
        if value:
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            description.metadata.userDefined[key] = text
