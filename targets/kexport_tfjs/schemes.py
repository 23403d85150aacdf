"""What TensorFlow.js models hold of each scheme of quantization, and what it gets instead."""

from __future__ import annotations

from collections.abc import Mapping

from kexport.target import Held

_NO_INTEGERS = "TensorFlow.js computes in floats alone; its loader widens weights of 8 and 16 bits"
SCHEMES: Mapping[str, Held] = {
    "float16": Held("float16"),
    "uint8-weights": Held("uint8-weights"),
    "uint16-weights": Held("uint16-weights"),
    "int16x8": Held("uint16-weights", _NO_INTEGERS),
    "lut-8": Held("uint8-weights", "TensorFlow.js has no palettes"),
    "lut-6": Held("uint8-weights", "TensorFlow.js has no palettes"),
    "lut-4": Held("uint8-weights", "TensorFlow.js has no palettes"),
} | dict.fromkeys(
    ("int8", "int8-dynamic", "int8-weights", "int4-weights", "int4-weights-64", "int4-weights-128"),
    Held("uint8-weights", _NO_INTEGERS),
)
