"""Shows the progress of long work on stderr: a bar on a terminal, a line per stage elsewhere, nothing when quiet.

Elsewhere a long stage prints a line from time to time, so that it does not look dead.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kexport.cli.command import State
from kexport.cli.render import stderr
from kexport.cli.watch import Watch
from kexport.printable import one_line

WIDE = 100
"""The least number of columns for a bar that shows everything."""
BEAT = 15.0
"""Seconds without a line after which one tells the current work."""


@contextmanager
def progress(state: State) -> Iterator[Watch]:
    """Make a listener that shows progress until the block ends, and then knows how long each stage took."""
    watch = Watch()
    if state.quiet:
        yield watch
    elif stderr().is_terminal:
        with _bar(watch):
            yield watch
    else:
        with _lines(watch):
            yield watch
    watch.stop()


def print_took(state: State, watch: Watch) -> None:
    """Print the total time, and the time of each stage."""
    if not state.quiet and watch.took:
        stderr().print(watch.took, markup=False, soft_wrap=True)


@contextmanager
def _lines(watch: Watch) -> Iterator[None]:
    """Print a line per stage and per item of a stage, and one after every `BEAT` without a line."""
    done = threading.Event()
    spoken = threading.Event()
    shown: list[str] = []

    def say(text: str) -> None:
        stderr().print(one_line(text), markup=False, soft_wrap=True)

    def show() -> None:
        line = f"{watch.stage} {watch.subject}".strip()
        if shown != [line]:
            shown[:] = [line]
            spoken.set()
            say(line)

    def beat() -> None:
        while not done.is_set():
            if spoken.wait(BEAT):
                spoken.clear()
            elif watch.stage and not done.is_set():
                say(f"still: {watch.described}")

    watch.listener = show
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        spoken.set()
        thread.join()


@contextmanager
def _bar(watch: Watch) -> Iterator[None]:
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = stderr()
    text, left = (TextColumn(f"{{task.{part}}}", markup=False) for part in ("description", "fields[left]"))
    columns = (SpinnerColumn(), TimeElapsedColumn(), BarColumn(12), left, text)
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, left="")

        def show() -> None:
            part = watch.fraction
            line = one_line(watch.short if console.width < WIDE else watch.long)
            total = None if part is None else 1.0
            bar.update(task, description=line, total=total, completed=part or 0.0, left=watch.left)

        watch.listener = show
        yield
