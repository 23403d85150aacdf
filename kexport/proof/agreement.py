"""Compares the contract of an artifact, read back from it, with the model's."""

from __future__ import annotations

from collections.abc import Sequence

from kexport.ir.contract import Contract, Port
from kexport.ir.dim import Dim


def contract_problems(expected: Contract, actual: Contract) -> list[str]:
    """Return how an artifact breaks the contract (names, order, element types, dims); empty if it keeps it.

    A dynamic dim must be dynamic in the artifact, under any name; a fixed one must have the same size.
    """
    return [
        *_problems("input", expected.inputs, actual.inputs),
        *_problems("output", expected.outputs, actual.outputs),
    ]


def _problems(part: str, expected: Sequence[Port], actual: Sequence[Port]) -> list[str]:
    wanted = [p.name for p in expected]
    names = [p.name for p in actual]
    if names != wanted:
        order = " in another order" if sorted(names) == sorted(wanted) else ""
        return [f"the {part}s are {', '.join(names) or 'none'}{order} instead of {', '.join(wanted) or 'none'}"]
    found: list[str] = []
    for a, b in zip(expected, actual, strict=True):
        if a.type.dtype is not b.type.dtype or a.type.rank != b.type.rank:
            found.append(f"{part} {a.name!r} is {b.type} instead of {a.type}")
            continue
        for axis, (x, y) in enumerate(zip(a.type.shape, b.type.shape, strict=True)):
            if not _same(x, y):
                found.append(f"axis {axis} of {part} {a.name!r} is {_describe(y)} instead of {_describe(x)}")
    return found


def _same(expected: Dim, actual: Dim) -> bool:
    return expected == actual if isinstance(expected, int) else not isinstance(actual, int)


def _describe(dim: Dim) -> str:
    return f"fixed at {dim}" if isinstance(dim, int) else f"dynamic ({dim})"
