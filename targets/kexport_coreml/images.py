"""Inputs that take an image: Core ML hands over its bytes channels first, and scale and bias become operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport import ops
from kexport.errors import ConfigError
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType, TensorType
from kexport.names import suggest
from kexport.passes.channels_first import to_first, to_last

COLORS = {"gray": 10, "rgb": 20, "bgr": 30}
"""ColorSpace of FeatureTypes.proto."""
_CHANNELS = {"gray": 1, "rgb": 3, "bgr": 3}


@dataclass(frozen=True)
class Image:
    """How the bytes of an image become an input: layout of colors, then `byte * scale + bias` for each channel."""

    layout: str
    scale: tuple[float, ...]
    bias: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {"layout": self.layout, "scale": list(self.scale), "bias": list(self.bias)}


def read_images(text: str, scale: str, bias: str) -> dict[str, Image]:
    """Read `photo=rgb` and `0.5` or `0.1,0.2,0.3`.

    Raises:
        ConfigError: not of that form.
    """
    found: dict[str, Image] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, layout = part.rpartition("=")
        if layout not in COLORS or not name:
            hint = f"write -O coreml.images={name or 'photo'}=rgb; {suggest(layout, COLORS, 'layouts')}"
            raise ConfigError(f"{part!r} names no image", where="coreml.images", hint=hint)
        count = _CHANNELS[layout]
        found[name] = Image(layout, _numbers("scale", scale, count), _numbers("bias", bias, count))
    return found


def _numbers(word: str, text: str, count: int) -> tuple[float, ...]:
    try:
        values = tuple(float(p) for p in text.split(","))
    except ValueError:
        values = ()
    if len(values) not in (1, count) or not np.isfinite(values).all() or (word == "scale" and 0 in values):
        hint = f"give one number, or {count}: one for each channel"
        raise ConfigError(f"{text!r} is no {word} of images", where=f"coreml.{word}", hint=hint)
    return values * (count if len(values) == 1 else 1)


def batch_of_images(graph: Graph, images: Mapping[str, Image]) -> dict[str, Dim]:
    """Return the symbols that an image fixes, as it is a batch of one.

    Raises:
        ConfigError: no such input, or an image of this layout does not fit it.
    """
    inputs = {v.name: v for v in graph.inputs}
    fixed: dict[str, Dim] = {}
    for name, image in images.items():
        if name not in inputs:
            hint = suggest(name, inputs, "inputs")
            raise ConfigError(f"there is no input {name!r}", where="coreml.images", hint=hint)
        type = inputs[name].type
        if type.rank != 4 or type.shape[-1] != _CHANNELS[image.layout]:
            hint = f"an image is [batch,height,width,{_CHANNELS[image.layout]}]"
            what = f"input {name!r} of type {type} takes no {image.layout} image"
            raise ConfigError(what, where="coreml.images", hint=hint)
        batch = type.shape[0]
        if isinstance(batch, SymDim):
            fixed[str(batch)] = 1
        elif batch != 1:
            what = f"input {name!r} takes {batch} images at a time, Core ML gives one"
            raise ConfigError(what, where="coreml.images", hint="export it with --dim batch=1, or from an open batch")
    return fixed


def take_images(graph: Graph, images: Mapping[str, Image]) -> None:
    """Make inputs take the bytes of images, channels first, as float32."""
    for i, old in enumerate(graph.inputs):
        if old.name not in images:
            continue
        image = images[old.name]
        first = next(iter(graph.nodes), None)
        new = Value(TensorType(DType.F32, tuple(old.type.shape[p] for p in to_first(4))), old.name)

        def add(op: Any, *operands: Value, first: Any = first, origin: str = old.name) -> Value:
            return graph.add(op, *operands, origin=origin, before=first).output

        graph.inputs[i] = x = new
        for op, numbers, idle in ((ops.Mul(), image.scale, 1.0), (ops.Add(), image.bias, 0.0)):
            if set(numbers) != {idle}:
                x = add(op, x, graph.constant(np.array(numbers, np.float32).reshape(-1, 1, 1)))
        x = add(ops.Transpose(to_last(4)), x)
        graph.replace(old, x if old.type.dtype is DType.F32 else add(ops.Cast(old.type.dtype), x))


def bound_contract(contract: Contract, graph: Graph, images: Mapping[str, Image]) -> Contract:
    """The contract with the sizes that a legalized graph has fixed."""
    fixed: dict[str, Dim] = {}
    for port, value in zip(contract.inputs, graph.inputs, strict=True):
        fixed |= _fixed(port, value, value.name in images)
    return contract.bind(fixed)


def _fixed(port: Port, value: Value, is_image: bool) -> dict[str, Dim]:
    shape = value.type.shape
    shape = tuple(shape[p] for p in to_last(4)) if is_image else shape
    pairs = zip(port.type.shape, shape, strict=True)
    return {str(a): b for a, b in pairs if isinstance(a, SymDim) and not isinstance(b, SymDim)}
