"""Fits tables to a terminal: moves long cells below their row, and leaves out the least important columns.

No cell is ever broken, since a broken file name cannot be copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

GAP = 3
"""Blanks between two columns."""
INDENT = 2
"""Indentation of a cell below its row."""


@dataclass(frozen=True)
class Plan:
    """The layout of a table: the columns in the row, their widths, and the columns below it."""

    shown: tuple[int, ...]
    widths: tuple[int, ...]
    below: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """The width of the widest row."""
        return sum(self.widths) + GAP * max(len(self.widths) - 1, 0)


def plan_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, below: Sequence[str], drop: Sequence[str]
) -> Plan:
    """Keep all columns in the row if they fit; else move those of `below`, then leave out those of `drop` in order."""
    every = range(len(columns))
    plan = _plan(columns, rows, every, ())
    if plan.width <= width:
        return plan
    lower = tuple(columns.index(name) for name in below)
    gone: set[int] = set()
    for name in ("", *drop):
        gone |= {columns.index(name)} if name else set()
        plan = _plan(columns, rows, [i for i in every if i not in gone and i not in lower], lower)
        if plan.width <= width:
            break
    return plan


def table_lines(
    columns: Sequence[str], rows: Sequence[Sequence[str]], plan: Plan, right: Sequence[str], styles: dict[str, str]
) -> list[Text]:
    """Format the lines of a table."""
    from rich.text import Text

    lines = [_line([columns[i] for i in plan.shown], columns, plan, right, dict.fromkeys(columns, "bold"))]
    lines.append(Text("─" * plan.width))
    for row in rows:
        lines.append(_line([row[i] for i in plan.shown], columns, plan, right, styles))
        under = ", ".join(row[i] for i in plan.below if row[i])
        lines += [Text(" " * INDENT + under)] if under else []
    return lines


def _plan(columns: Sequence[str], rows: Sequence[Sequence[str]], shown: Sequence[int], below: tuple[int, ...]) -> Plan:
    from rich.cells import cell_len

    widths = tuple(max(cell_len(line[i]) for line in (columns, *rows)) for i in shown)
    return Plan(tuple(shown), widths, below)


def _line(
    cells: Sequence[str], columns: Sequence[str], plan: Plan, right: Sequence[str], styles: dict[str, str]
) -> Text:
    from rich.text import Text

    line = Text()
    for number, (cell, i, width) in enumerate(zip(cells, plan.shown, plan.widths, strict=True)):
        text = Text(cell, styles.get(cell, ""))
        text.align("right" if columns[i] in right else "left", width)
        line.append_text(Text(" " * GAP) if number else Text()).append_text(text)
    line.rstrip()
    return line
