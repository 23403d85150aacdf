"""The options of a TensorFlow.js artifact."""

from __future__ import annotations

from dataclasses import dataclass, field

from kexport.errors import ConfigError
from kexport.names import suggest
from kexport.target import Options

PRECISIONS = ("float32", "float16", "uint16", "uint8")


@dataclass(frozen=True)
class TfjsOptions(Options):
    """Options of the TensorFlow.js target."""

    precision: str = field(
        default="float32",
        metadata={"help": f"how weights are stored: {', '.join(PRECISIONS)}; they are computed with in float32"},
    )

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            what = f"precision {self.precision!r} is not supported"
            raise ConfigError(what, hint=suggest(self.precision, PRECISIONS, "precisions"))
