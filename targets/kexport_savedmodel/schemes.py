"""What SavedModels hold of each scheme of quantization, and what it gets instead."""

from __future__ import annotations

from collections.abc import Mapping

from kexport.target import Held

_NO_INTEGERS = "TensorFlow computes these operations in floats alone"
_NO_SMALL = "TensorFlow has no weights of less than 8 bits, and no palettes"
SCHEMES: Mapping[str, Held] = (
    {name: Held(name) for name in ("float16", "int8-weights", "uint8-weights", "uint16-weights")}
    | dict.fromkeys(("int8", "int8-dynamic", "int16x8"), Held("int8-weights", _NO_INTEGERS))
    | dict.fromkeys(
        ("int4-weights", "int4-weights-64", "int4-weights-128", "lut-4", "lut-6", "lut-8"),
        Held("int8-weights", _NO_SMALL),
    )
)
