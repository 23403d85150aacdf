"""Progress of long work, on stderr: a bar on a terminal, a line a stage elsewhere, nothing when quiet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kexport.cli.command import State
from kexport.cli.render import stderr
from kexport.printable import one_line

if TYPE_CHECKING:
    from kexport.project.progress import Progress


@contextmanager
def progress(state: State) -> Iterator[Progress]:
    """A function that shows progress until the block ends."""
    console = stderr()
    if state.quiet:
        yield lambda stage, detail, fraction: None
    elif console.is_terminal:
        yield from _bar()
    else:
        yield _lines()


def _lines() -> Progress:
    last: list[str] = []

    def show(stage: str, detail: str, fraction: float | None) -> None:
        line = one_line(f"{stage} {detail}".strip())
        if last != [line]:
            last[:] = [line]
            stderr().print(line, markup=False, soft_wrap=True)

    return show


def _bar() -> Iterator[Progress]:
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    text = TextColumn("{task.description}", markup=False)
    with Bar(SpinnerColumn(), text, BarColumn(), TimeElapsedColumn(), console=stderr(), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(stage: str, detail: str, fraction: float | None) -> None:
            total = None if fraction is None else 1.0
            bar.update(task, description=one_line(f"{stage} {detail}".strip()), total=total, completed=fraction or 0.0)

        yield show
