"""What ONNX models hold of each scheme of quantization, and what it gets instead."""

from __future__ import annotations

from collections.abc import Mapping

from kexport.target import Held

_MATRICES = ("dense", "mat_mul")
_BLOCKS = "ONNX Runtime computes with blocks of 4 bits in products of matrices alone"
_DYNAMIC = "scales found anew for each batch destroy the accuracy of convolutions"
_PALETTES = "ONNX has no palettes"
SCHEMES: Mapping[str, Held] = (
    {n: Held(n) for n in ("float16", "int8", "int16x8", "int8-weights", "uint8-weights", "uint16-weights")}
    | {n: Held(n, _BLOCKS, _MATRICES, "int8-weights") for n in ("int4-weights", "int4-weights-64", "int4-weights-128")}
    | {
        "int8-dynamic": Held("int8-dynamic", _DYNAMIC, _MATRICES, "int8-weights"),
        "lut-4": Held("int4-weights", _PALETTES, _MATRICES, "int8-weights"),
        "lut-6": Held("int8-weights", _PALETTES),
        "lut-8": Held("int8-weights", _PALETTES),
    }
)
