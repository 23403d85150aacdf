"""The option -v: which passes and rules changed the graph, and with -vv why others did not."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from kexport.cli.command import State
from kexport.cli.render import stderr
from kexport.printable import counted

CHANNEL = "kexport.rewrite"
"""The logger that passes tell of their rules, by name: importing it would load numpy."""
_PLACES = 3
"""Layers named for each reason; further ones are counted."""


class RuleNotes(logging.Handler):
    """Collects what the rules did, over all rounds of the passes and all targets."""

    def __init__(self) -> None:
        super().__init__()
        self.fired: Counter[tuple[str, str]] = Counter()
        self.skipped: dict[tuple[str, str, str], dict[str, None]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Count a rule that fired, or note the place and reason of one that skipped."""
        match record.args:
            case (str(name), str(rule), int(count)):
                self.fired[name, rule] += count
            case (str(name), str(rule), str(where), str(why)):
                self.skipped.setdefault((name, rule, why), {})[where] = None
            case _:
                pass

    def lines(self) -> list[str]:
        """Return one line for each rule that fired, in the order of first firing, then one for each reason."""
        found = [f"{name}: {rule} fired {counted(n, 'time')}" for (name, rule), n in self.fired.items()]
        for (name, rule, why), places in self.skipped.items():
            shown = ", ".join(repr(p) for p in [*places][:_PLACES] if p)
            more = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
            found.append(f"{name}: {rule} skipped{f' at {shown}{more}' if shown else ''}: {why}")
        return found


def verbose_option(function: Any) -> Any:
    """Decorator: the option -v, which may be repeated."""

    def store(ctx: click.Context, _: click.Parameter, value: int) -> None:
        state = ctx.find_object(State)
        if value and state is not None:
            state.verbose = value

    text = "Print which rules changed the graph; -vv: also why others did not."
    return click.option("-v", "--verbose", count=True, expose_value=False, callback=store, help=text)(function)


@contextmanager
def rule_notes(state: State) -> Iterator[None]:
    """Listen to the rules until the block ends, and print what they did to stderr, as far as -v asks for it."""
    if not state.verbose or state.quiet:
        yield
        return
    logger = logging.getLogger(CHANNEL)
    notes = RuleNotes()
    before = logger.level, logger.propagate
    logger.addHandler(notes)
    logger.setLevel(logging.DEBUG if state.verbose > 1 else logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(notes)
        logger.setLevel(before[0])
        logger.propagate = before[1]
        for line in notes.lines():
            stderr().print(line, markup=False, highlight=False, soft_wrap=True)
