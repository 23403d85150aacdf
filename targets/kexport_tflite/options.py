"""What a user can choose about a TF Lite artifact."""

from __future__ import annotations

from dataclasses import dataclass, field

from kexport.errors import ConfigError
from kexport.names import suggest
from kexport.target import Options
from kexport_tflite.micro.vela import ACCELERATORS

PRECISIONS = ("float32", "float16")


@dataclass(frozen=True)
class TfliteOptions(Options):
    """Options of the TF Lite target."""

    precision: str = field(
        default="float32",
        metadata={"help": "float32, or float16 for weights stored in half the size (computed in float32)"},
    )
    labels: str = field(
        default="", metadata={"help": "text file with the class names of the first output, one per line, to embed"}
    )
    mean: str = field(
        default="", metadata={"help": "what apps subtract from image inputs, one number or one per channel: 127.5"}
    )
    std: str = field(
        default="", metadata={"help": "what apps divide image inputs by, one number or one per channel: 127.5"}
    )

    c_array: bool = field(
        default=False,
        metadata={"help": "write NAME.h and NAME.cc too, for TFLite Micro: the file as an array, arena, operators"},
    )
    vela: str = field(
        default="",
        metadata={"help": "an Ethos-U NPU, as ethos-u55-128: Vela says what runs on it, and at what cost"},
    )

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ConfigError(
                f"precision {self.precision!r} is not supported", hint=suggest(self.precision, PRECISIONS, "precisions")
            )
        if bool(self.mean) != bool(self.std):
            raise ConfigError(
                "mean and std belong together", hint="give both: -O tflite.mean=127.5 -O tflite.std=127.5"
            )
        if self.vela and self.vela not in ACCELERATORS:
            raise ConfigError(
                f"Vela does not compile for {self.vela!r}", hint=suggest(self.vela, ACCELERATORS, "accelerators")
            )
        if any(s == 0 for s in self.normalization[1]):
            raise ConfigError("std must not be 0", hint="apps divide by it; for bytes to -1..1 it is 127.5")

    @property
    def normalization(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and std; empty if not given.

        Raises:
            ConfigError: not numbers.
        """
        return _numbers("mean", self.mean), _numbers("std", self.std)


def _numbers(name: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(",") if word.strip())
    except ValueError as e:
        raise ConfigError(
            f"{name} must be numbers, got {text!r}", hint=f"for example -O tflite.{name}=127.5 or 0.5,0.5,0.5"
        ) from e
