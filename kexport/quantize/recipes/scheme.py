"""Schemes: in which numbers a layer's weights are stored, and what it computes in."""

from __future__ import annotations

from dataclasses import dataclass

from kexport.errors import ConfigError
from kexport.ir.types import DType
from kexport.names import suggest

FLOAT = "float"
STATIC = "static"
DYNAMIC = "dynamic"


@dataclass(frozen=True)
class Scheme:
    """A scheme by its name. The defaults are those of a layer that stays as it is."""

    name: str
    weights: DType = DType.F32
    """What weights are stored in."""
    activations: DType = DType.F32
    """What a layer takes and gives, and what it is computed in."""
    scales: str = FLOAT
    """Where the scales of activations come from: observed ranges (static), each batch (dynamic), or there are none."""
    block: int = 0
    """Weights with a scale of their own, along the axis that is summed over; 0 for one scale per output channel."""
    per_tensor: bool = False
    """Whether all weights of a layer share one scale and one zero point."""
    palette: int = 0
    """Bits of an index into a palette of weights; 0 where there is none."""

    @property
    def is_float(self) -> bool:
        """Whether nothing is quantized."""
        return self.weights.is_float and self.activations.is_float and not self.palette

    @property
    def needs_data(self) -> bool:
        """Whether ranges of activations have to be observed."""
        return self.scales == STATIC

    @property
    def bits(self) -> int:
        """Bits of one weight."""
        return self.palette or int("".join(c for c in self.weights.value if c.isdigit()))


_ALL = (
    Scheme("float32"),
    Scheme("float16", DType.F16),
    Scheme("int8", DType.I8, DType.I8, STATIC),
    Scheme("int16x8", DType.I8, DType.I16, STATIC),
    Scheme("int8-dynamic", DType.I8, DType.I8, DYNAMIC),
    Scheme("int8-weights", DType.I8),
    Scheme("int4-weights", DType.I4, block=32),
    Scheme("int4-weights-64", DType.I4, block=64),
    Scheme("int4-weights-128", DType.I4, block=128),
    Scheme("uint8-weights", DType.U8, per_tensor=True),
    Scheme("uint16-weights", DType.U16, per_tensor=True),
    Scheme("lut-4", palette=4),
    Scheme("lut-6", palette=6),
    Scheme("lut-8", palette=8),
)
SCHEMES: dict[str, Scheme] = {s.name: s for s in _ALL}
"""Every scheme by name. Weights are symmetric with a scale per output channel unless a scheme says otherwise."""
KEPT = SCHEMES["float32"]


def find_scheme(name: object, where: str | None = None) -> Scheme:
    """The scheme of that name.

    Raises:
        ConfigError: there is none.
    """
    if not isinstance(name, str) or name not in SCHEMES:
        raise ConfigError(f"there is no scheme {name!r}", where=where, hint=suggest(name, SCHEMES, "schemes"))
    return SCHEMES[name]
