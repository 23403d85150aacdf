"""The parts of an ONNX graph under construction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kexport.ir.types import DType


class Ref(NamedTuple):
    """A tensor of the ONNX graph: its name and element type."""

    name: str
    dtype: DType


@dataclass
class Call:
    """A node of the ONNX graph. An empty input name is an operand left out; `dtype` is what it computes in."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
    dtype: DType | None = None
