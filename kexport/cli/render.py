"""Prints tables and numbers for people, in colours on a terminal only. Imports rich on use, to start quickly."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from kexport.cli.plain import beneath
from kexport.printable import indented, one_line, printable
from kexport.report.words import number_text, size_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from kexport.workflows import ArtifactReport, ExportReport

PLAIN_WIDTH = 10_000
"""The width of output to a file or pipe: practically unlimited."""
_GOOD = "green"
_FAIR = "yellow"
_BAD = "bold red"
STYLES = {
    "verified": _GOOD,
    "simulated": _FAIR,
    "unjudged": "bold yellow",
    "valid": _FAIR,
    "emitted": _FAIR,
    "failed": _BAD,
    "refused": _BAD,
}
COLUMNS = ("target", "file", "size", "status", "runtime", "max error", "SNR", "argmax", "seconds")


def stdout() -> Console:
    """Return the console for results."""
    return _console(stderr=False)


def stderr() -> Console:
    """Return the console for errors and progress."""
    return _console(stderr=True)


def _console(stderr: bool) -> Console:
    stream = beneath(sys.stderr if stderr else sys.stdout)
    width = None if stream.isatty() else PLAIN_WIDTH
    console = _console_class()(file=stream, stderr=stderr, width=width, highlight=False, emoji=False)
    console.on_broken_pipe = _raise_broken_pipe
    return console


@cache
def _console_class() -> type[Console]:
    from rich.console import Console
    from rich.segment import Segment

    class PlainConsole(Console):
        """A console on which only its own styles control the terminal."""

        def render(self, *args: Any, **kwargs: Any) -> Any:
            for text, style, control in super().render(*args, **kwargs):
                yield Segment(text if control else printable(text), style, control)

    return PlainConsole


def _raise_broken_pipe() -> None:
    raise BrokenPipeError  # rich would exit with 1, which means a failed verification here


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print rows of plain text under their headings; columns named in `right` are aligned to the right."""
    stdout().print(_table(columns, rows, right))


def print_fitting_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[str] = (),
    *,
    below: Sequence[str] = (),
    drop: Sequence[str] = (),
) -> None:
    """Print a table with unbroken cells: on a narrow terminal some go below their row or are left out."""
    from kexport.cli.fitting import plan_table, table_lines

    console = stdout()
    rows = [[one_line(cell) for cell in row] for row in rows]
    plan = plan_table(columns, rows, console.width, below, drop)
    for line in table_lines(columns, rows, plan, right, STYLES):
        console.print(line, soft_wrap=True)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell), STYLES.get(cell, "")) for cell in row))
    return table


def print_report(report: ExportReport) -> None:
    """Print a line per artifact, the reasons of those not verified, and a summary."""
    rows = [artifact_row(a) for a in report.artifacts]
    numbers = ("size", "max error", "SNR", "argmax", "seconds")
    print_fitting_table(COLUMNS, rows, numbers, below=("file", "size"), drop=("argmax", "SNR", "seconds"))
    console = stdout()
    for line in report_lines(report):
        console.print(line, markup=False, soft_wrap=True)


def report_lines(report: ExportReport) -> list[str]:
    """Print what follows the table: reasons, notes, and the summary."""
    reasons = [f"{a.target}: {a.reason}" for a in report.artifacts if a.reason]
    return [*map(indented, [*reasons, *report.notes]), one_line(summary(report))]


def artifact_row(artifact: ArtifactReport) -> list[str]:
    """Return the cells of one artifact, in the order of COLUMNS."""
    return [
        artifact.target,
        artifact.path or "-",
        size_text(artifact.size) if artifact.path else "-",
        artifact.status,
        f"{artifact.runtime} {artifact.version}".strip() or "-",
        number_text(artifact.max_error, "{:.2g}"),
        number_text(artifact.snr, "{:.1f} dB"),
        number_text(artifact.argmax, "{:.2%}"),
        number_text(artifact.seconds or None, "{:.2f}"),
    ]


def summary(report: ExportReport) -> str:
    """Summarize all artifacts in one sentence."""
    counts: dict[str, int] = {}
    for artifact in report.artifacts:
        counts[artifact.status] = counts.get(artifact.status, 0) + 1
    parts = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"{report.name}: {parts or 'no artifacts'}"
