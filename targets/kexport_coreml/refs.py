"""The parts of a program under construction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
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
    """An operation of the program, with the blocks that it runs if it is a loop or a branch."""

    kind: str
    inputs: dict[str, list[str]]
    outputs: list[Ref]
    blocks: list[Block] = field(default_factory=list["Block"])

    def reads(self) -> Iterator[str]:
        """The names of what it or its blocks take."""
        for names in self.inputs.values():
            yield from names
        for block in self.blocks:
            yield from block.outputs
            for step in block.program.steps:
                if isinstance(step, Call):
                    yield from step.reads()


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
        needed = set(results)
        kept = list[Step]()
        for step in reversed(self.steps):
            made = {ref.name for ref in step.outputs} if isinstance(step, Call) else {step.ref.name}
            if made & needed:
                kept.append(step)
                if isinstance(step, Call):
                    for block in step.blocks:
                        block.program.prune(block.outputs)
                    needed.update(step.reads())
        self.steps = kept[::-1]

    def rename(self, names: Mapping[str, str]) -> None:
        """Give values other names, wherever they are made or read."""
        for step in self.steps:
            if isinstance(step, Call):
                step.inputs = {k: [names.get(n, n) for n in v] for k, v in step.inputs.items()}
                step.outputs = [r._replace(name=names.get(r.name, r.name)) for r in step.outputs]
                for block in step.blocks:
                    block.outputs = [names.get(n, n) for n in block.outputs]
                    block.program.rename(names)


@dataclass
class Block:
    """Operations inside a loop or branch. They see what is made around them; constants are never made here."""

    inputs: list[Ref]
    program: Program = field(default_factory=Program)
    outputs: list[str] = field(default_factory=list[str])


def identifier(name: str) -> str:
    """A name as Core ML allows it: letters, digits and underscores, no digit first."""
    found = _NOT_IN_NAMES.sub("_", name)
    return f"_{found}" if not found or found[0].isdigit() else found
