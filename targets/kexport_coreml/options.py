"""What a user can choose about a Core ML artifact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from kexport.target import Options
from kexport_coreml.images import read_images
from kexport_coreml.spans import read_sizes

Precision = Literal["float32", "float16"]
Deployment = Literal["ios15", "ios16", "ios17", "ios18"]
MIN_IOS = 15
"""The oldest system of `Deployment`."""


@dataclass(frozen=True)
class CoremlOptions(Options):
    """Options of the Core ML target.

    float32 is the default precision, although Apple's converter defaults to float16: it is what the model was trained
    in, and what every other artifact of the same export computes, so one verdict is about one model. float16 halves the
    file and is what lets the Neural Engine run it, at a price that depends on the model and its data and that only a
    device can show in full. That is for the user to decide.
    """

    deployment: Deployment = field(default="ios16", metadata={"help": "the oldest system that is to run it"})
    precision: Precision = field(default="float32", metadata={"help": "compute in float32 or float16"})
    float32: str = field(
        default="",
        metadata={"help": "layers always computed in float32: `block/norm|scale`; an export adds others"},
    )
    sizes: str = field(
        default="",
        metadata={"help": "dynamic dims: `batch=1,length=1..512` (range) or `length=64|128` (only these)"},
    )
    limit: int = field(default=4096, metadata={"help": "the greatest size of a dynamic dim that `sizes` leaves open"})
    images: str = field(default="", metadata={"help": "inputs that take an image: `photo=rgb` (or bgr, gray)"})
    scale: str = field(default="1", metadata={"help": "factor for the bytes of images, one or per channel"})
    bias: str = field(default="0", metadata={"help": "offset added to the scaled bytes, one or per channel"})
    labels: str = field(default="", metadata={"help": "class labels: a file with one per line, or `cat|dog`"})
    scores: str = field(default="", metadata={"help": "the output with the probabilities of the classes"})

    about: str = field(default="", metadata={"help": "what the model does, as Xcode shows it"})
    author: str = field(default="", metadata={"help": "who made the model"})
    license: str = field(default="", metadata={"help": "the license of the model"})
    version: str = field(default="", metadata={"help": "the version of the model"})

    def __post_init__(self) -> None:
        read_sizes(self.sizes, self.limit)
        read_images(self.images, self.scale, self.bias)

    @property
    def shown(self) -> dict[str, str]:
        """What Xcode shows of the model, by the name of the field."""
        return {
            "shortDescription": self.about,
            "author": self.author,
            "license": self.license,
            "versionString": self.version,
        }

    @property
    def wide(self) -> tuple[str, ...]:
        """The layers in `float32`."""
        return tuple(filter(None, self.float32.split("|")))

    @property
    def ios(self) -> int:
        """The number in `deployment`."""
        return int(self.deployment.removeprefix("ios"))
