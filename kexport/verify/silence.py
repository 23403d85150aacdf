"""Finds outputs that prove little or nothing although they pass all checks: constant or saturated ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kexport.evidence.reference_file import Recording
from kexport.ir.contract import Contract
from kexport.ir.op import Array
from kexport.verify.compare import is_float
from kexport.verify.tolerance import Tolerance

SATURATED = 1e-6
"""The largest distance of a saturated value from -1, 0 or 1."""
MOSTLY = 0.9
"""The fraction of an output's elements, on usual batches, from which it counts as saturated."""
FEW = 2
"""The number of elements up to which a distribution cannot be told."""


@dataclass(frozen=True)
class Silent:
    """An output that tells nothing, or too little, about its operands, and why."""

    output: str
    reason: str
    constant: bool
    """Whether an artifact with constant outputs would pass."""


def silent(recordings: Sequence[Recording], allowed: Mapping[tuple[str, str], Tolerance]) -> list[Silent]:
    """Return the outputs that an artifact could get right without computing anything, and the saturated ones."""
    found: list[Silent] = []
    for name in recordings[0].outputs if recordings else ():
        judged = [r for r in recordings if allowed[name, r.batch.name].judges and is_float(r.outputs[name])]
        atol = max((allowed[name, r.batch.name].atol for r in judged), default=0.0)
        arrays = [r.outputs[name].astype(np.float64) for r in judged]
        usual = [r.outputs[name] for r in recordings if r.batch.kind != "extreme" and is_float(r.outputs[name])]
        if judged and _stands_still(arrays, atol):
            found.append(Silent(name, f"output {name!r} is the same whatever comes in", True))
        elif judged and _is_saturated(usual):
            found.append(Silent(name, f"output {name!r} is saturated", False))
    return found


def weaknesses(contract: Contract, recordings: Sequence[Recording], known: Collection[str] = ()) -> list[str]:
    """Describe what the batches could not show although everything passed, except for outputs in `known`."""
    found: list[str] = []
    for symbol in contract.symbols:
        sizes = sorted({r.batch.sizes[symbol] for r in recordings if symbol in r.batch.sizes})
        if len(sizes) < 2:
            found.append(f"dimension {symbol!r} was checked at one size only ({', '.join(map(str, sizes))})")
    for port in (p for p in contract.outputs if p.name not in known):
        flat = np.concatenate([r.outputs[port.name].reshape(-1) for r in recordings])
        if flat.size > 1 and (flat == flat[0]).all():
            found.append(f"output {port.name!r} has one and the same value everywhere")
        elif is_float(flat) and are_ends(flat.astype(np.float64)).all() and flat.size > FEW:
            found.append(f"output {port.name!r} is saturated: its values are 0 and 1, which hides small faults")
    return found


def _stands_still(arrays: Sequence[Array], atol: float) -> bool:
    """Return whether no sample differs from another by more than the tolerance."""
    rows = [row for a in arrays for row in (a.reshape(len(a), -1) if a.ndim > 1 else a.reshape(-1, 1))]
    if sum(row.size for row in rows) <= 1 or len(rows) <= 1:
        return False
    first: dict[int, Array] = {}
    for row in rows:
        known = first.setdefault(row.size, row)
        if not np.array_equal(np.isfinite(row), np.isfinite(known)):
            return False
        finite = np.isfinite(row)
        if np.max(np.abs(row[finite] - known[finite]), initial=0.0) > atol:
            return False
    return len(rows) > len(first)


def _is_saturated(arrays: Sequence[Array]) -> bool:
    values = np.concatenate([a.reshape(-1).astype(np.float64) for a in arrays]) if arrays else np.zeros(0)
    return values.size > FEW and float(are_ends(values).mean()) >= MOSTLY


def are_ends(values: Array) -> Array:
    """Mask the values that are as near to -1, 0 or 1 as saturated ones."""
    size = np.abs(values)
    return np.minimum(size, np.abs(size - 1)) < SATURATED
