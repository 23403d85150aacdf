"""The parts of a program under construction."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from kexport.ir.dim import Dim
from kexport.ir.op import Array
from kexport.ir.types import DType

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")


class Ref(NamedTuple):
    """A tensor of the program: its name, its type, and whether it is a constant."""

    name: str
    dtype: DType
    shape: tuple[Dim, ...]
    constant: bool = False

    @property
    def rank(self) -> int:
        return len(self.shape)


@dataclass
class Call:
    """An operation of the program."""

    kind: str
    inputs: dict[str, list[str]]
    outputs: list[Ref]


@dataclass
class Constant:
    """A `const` operation: an array, whose elements are stored as the dtype of `ref`, or a word."""

    ref: Ref
    data: Array | str


@dataclass
class Packed:
    """A `constexpr_affine_dequantize` operation: floats that are stored as integers of 8 bits."""

    ref: Ref
    data: Array
    stored: DType


Step = Call | Constant | Packed


@dataclass
class Program:
    """The operations in order."""

    steps: list[Step] = field(default_factory=list[Step])

    def prune(self, results: Iterable[str]) -> None:
        """Drop what no result needs: weights in another order than the one that an emitter chose in the end."""
        needed, kept = set(results), list[Step]()
        for step in reversed(self.steps):
            made = {ref.name for ref in step.outputs} if isinstance(step, Call) else {step.ref.name}
            if made & needed:
                kept.append(step)
                needed.update(n for names in _operands(step) for n in names)
        self.steps = kept[::-1]


def _operands(step: Step) -> Iterable[list[str]]:
    return step.inputs.values() if isinstance(step, Call) else ()


def identifier(name: str) -> str:
    """A name as Core ML allows it: letters, digits and underscores, no digit first."""
    found = _NOT_IN_NAMES.sub("_", name)
    return f"_{found}" if not found or found[0].isdigit() else found
