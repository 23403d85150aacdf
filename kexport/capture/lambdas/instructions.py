"""CPython's bytecode as a list of named instructions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kexport.capture.lambdas.marshal_data import Code, Unreadable
from kexport.capture.lambdas.opcodes import CACHES, NUMBERS

Version = tuple[int, int]
CANDIDATES: dict[Version, tuple[Version, ...]] = {
    (2, 7): ((2, 7),),
    (3, 6): ((3, 7), (3, 5)),
    (3, 8): ((3, 10),),
    (3, 11): ((3, 11), (3, 12), (3, 13)),
}
"""The dialects of bytecode that functions of a layout may be in; 3.7 stands for 3.6 too, 3.10 for 3.8 and 3.9."""
SPOKEN = {(2, 7): "2.7", (3, 5): "3.5", (3, 7): "3.6 or 3.7", (3, 10): "3.8 to 3.10"}
"""What a dialect is called; others by their version."""
WORDS_FROM = (3, 6)
"""The version from which every instruction has two bytes."""
EMPTY = (0, 0)
"""A word of cache as it is stored."""
HAVE_ARGUMENT = 90
"""Instructions below this number had one byte before."""


class Instruction(NamedTuple):
    """A name and a number, which most instructions ignore."""

    name: str
    argument: int


def spoken(version: Version) -> str:
    """A dialect in words."""
    return f"Python {SPOKEN.get(version, '.'.join(map(str, version)))}"


def instructions(code: Code, version: Version) -> Iterator[Instruction]:
    """The instructions of a function in one dialect.

    Raises:
        Unreadable: one of them is not understood: a jump, a loop, a function inside, or another dialect.
    """
    names = {number: name for name, number in NUMBERS[max(version, (3, 7)) if version == (3, 5) else version].items()}
    caches = CACHES.get(version, {})
    skipped = extended = 0
    for number, argument in _words(code.code, version):
        if skipped:
            if (number, argument) != EMPTY:
                raise Unreadable("its caches are not empty")
            skipped -= 1
            continue
        name = names.get(number)
        if name is None:
            raise Unreadable("it does more than arithmetic, indices and calls: it branches, loops or makes functions")
        if name == "EXTENDED_ARG":
            shift = 8 if version >= WORDS_FROM else 16
            extended = (extended | argument) << shift
            continue
        skipped = caches.get(name, 0)
        yield Instruction(name, extended | argument)
        extended = 0


def _words(code: bytes, version: Version) -> Iterator[tuple[int, int]]:
    if version >= WORDS_FROM:
        if len(code) % 2:
            raise Unreadable("its code has an odd length")
        yield from zip(code[::2], code[1::2], strict=True)
        return
    place = 0
    while place < len(code):
        size = 3 if code[place] >= HAVE_ARGUMENT else 1
        argument = code[place + 1 : place + size]
        yield code[place], int.from_bytes(argument, "little")
        place += size
