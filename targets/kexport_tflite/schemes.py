"""What TF Lite models hold of each scheme of quantization, and what it gets instead."""

from __future__ import annotations

from collections.abc import Mapping

from kexport.target import Held

_BLOCKS = "kernels with blocks of 4 bits are there for fully connected layers alone"
_UNSIGNED = "kernels take signed weights that are symmetric alone"
_PALETTES = "TF Lite has no palettes"
_DYNAMIC = "kernels that find scales anew for each batch are there for these operations alone"
_WEIGHTED = ("dense", "conv", "depthwise_conv", "mat_mul")
_DENSE = ("dense",)
SCHEMES: Mapping[str, Held] = (
    {n: Held(n) for n in ("float16", "int8", "int16x8", "int8-weights")}
    | {n: Held(n, _BLOCKS, _DENSE, "int8-weights") for n in ("int4-weights", "int4-weights-64", "int4-weights-128")}
    | {
        "int8-dynamic": Held("int8-dynamic", _DYNAMIC, _WEIGHTED, "int8-weights"),
        "uint8-weights": Held("int8-weights", _UNSIGNED),
        "uint16-weights": Held("float16", _UNSIGNED),
        "lut-4": Held("int4-weights", _PALETTES, _DENSE, "int8-weights"),
        "lut-6": Held("int8-weights", _PALETTES),
        "lut-8": Held("int8-weights", _PALETTES),
    }
)
