"""What Core ML packages hold of each scheme of quantization, by the oldest system that runs them."""

from __future__ import annotations

from collections.abc import Mapping

from kexport.target import Held

_COMPRESSED = "compressed weights are there from iOS 16 on"
_COMPUTED = "integers are computed with from iOS 17 on"
_BLOCKS = "blocks of 4 bits are there from iOS 18 on"
_NEVER = "Core ML has scales that are given beforehand, and 8 bits, alone"
_SIXTEEN = "Core ML has no integer weights of 16 bits"
_FOUR = ("int4-weights", "int4-weights-64", "int4-weights-128")
_PALETTES = ("lut-4", "lut-6", "lut-8")
_EIGHT = ("int8-weights", "uint8-weights")

_IOS15: Mapping[str, Held] = {"float16": Held("float16"), "uint16-weights": Held("float16", _SIXTEEN)} | dict.fromkeys(
    (*_EIGHT, *_FOUR, *_PALETTES, "int8", "int8-dynamic", "int16x8"), Held("float16", _COMPRESSED)
)
_IOS16: Mapping[str, Held] = (
    {**_IOS15}
    | {name: Held(name) for name in (*_EIGHT, *_PALETTES)}
    | dict.fromkeys(_FOUR, Held("lut-4", _BLOCKS))
    | {
        "int8": Held("int8-weights", _COMPUTED),
        "int8-dynamic": Held("int8-weights", _NEVER),
        "int16x8": Held("int8-weights", _NEVER),
    }
)
_IOS17: Mapping[str, Held] = {**_IOS16, "int8": Held("int8")}
_IOS18: Mapping[str, Held] = {**_IOS17} | {name: Held(name) for name in _FOUR}
SCHEMES: Mapping[int, Mapping[str, Held]] = {15: _IOS15, 16: _IOS16, 17: _IOS17, 18: _IOS18}
"""By the number of the system."""
