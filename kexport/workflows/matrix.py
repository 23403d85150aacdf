"""The support matrix: every op against every installed target, read off its emitters and its rules."""

from __future__ import annotations

from typing import NamedTuple

import kexport.ops  # noqa: F401  (fills the table of ops)
from kexport.ir.op import OPS, Op
from kexport.target import Target, targets

NATIVE = "yes"
DECOMPOSED = "in parts"
LACKING = "no"


class Row(NamedTuple):
    """One op: its name, its formula, and how each target has it."""

    op: str
    meaning: str
    support: dict[str, str]


def support_matrix() -> list[Row]:
    """A row per op in order of name: `yes`, `in parts` (decomposed into what the target has), or the reason why not."""
    found = targets().values()
    return [
        Row(name, _first_line(op), {t.name: support(t, op) for t in found})
        for name, op in sorted(OPS.items())
        if op.__module__.startswith("kexport.ops")
    ]


def support(target: Target, op: type[Op]) -> str:
    """How a target has an op: an emitter, a rule of its legalization that names it, or a reason against it."""
    table = target.emitters
    if op in table.emitters:
        return NATIVE
    if op in table.reasons:
        return table.reasons[op]
    return DECOMPOSED if any(op in rule.ops for rule in target.rules) else LACKING


def markdown(rows: list[Row]) -> str:
    """Format the matrix for the targets' README: a list of the ops all targets have, a table of the rest, reasons."""
    names = list(rows[0].support)
    mixed = [row for row in rows if set(row.support.values()) != {NATIVE}]
    everywhere = ", ".join(f"`{row.op}`" for row in rows if row not in mixed)
    reasons = {r for row in mixed for r in row.support.values()} - {NATIVE, DECOMPOSED}
    notes = {reason: i for i, reason in enumerate(sorted(reasons), 1)}
    lines = [f"Every target has {everywhere}.", "", f"| op | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for row in mixed:
        cells = [f"no [{notes[s]}]" if s in notes else s for s in row.support.values()]
        lines.append(f"| `{row.op}` | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"[{i}] {reason}  " for reason, i in notes.items())]).rstrip() + "\n"


def _first_line(op: type[Op]) -> str:
    return (op.__doc__ or "").strip().split("\n")[0]
