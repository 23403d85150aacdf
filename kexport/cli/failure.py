"""Turns any exception into one clear message and one exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any, NamedTuple

import click

from kexport.cli.command import State, print_json
from kexport.cli.signals import Ended
from kexport.errors import KexportError, UnsupportedError
from kexport.printable import indented, one_line

USAGE = 3
BUG = 70
INTERRUPTED = 130
BROKEN_PIPE = 141
BUG_HINT = (
    "this is a bug in kexport; please report it with the command line, the output of `kexport doctor` "
    "and the traceback that --debug shows"
)


class ClosedPipe(Exception):
    """The reader of our output has closed the pipe, as `head` does."""


class Failure(NamedTuple):
    """An exception as message, place and hint."""

    kind: str
    what: str
    code: int
    where: str | None = None
    hint: str | None = None
    items: tuple[dict[str, str], ...] = ()


def report_failure(error: BaseException, state: State) -> int:
    """Print `error` on stderr, and as the document of --json; return the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return USAGE
    if isinstance(error, ClosedPipe):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing left to flush at exit
        return BROKEN_PIPE
    failure = describe(error)
    if state.debug:
        traceback.print_exception(error)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(error.ctx.get_usage(), err=True)
    _print(failure)
    if state.data:
        print_json({"error": _to_json(failure)})
    return failure.code


def describe(error: BaseException) -> Failure:
    """Choose the message and the exit code of an exception."""
    match error:
        case KexportError():
            items = error.items if isinstance(error, UnsupportedError) else ()
            rows = tuple(item._asdict() for item in items)
            return Failure(type(error).__name__, error.what, error.exit_code, error.where, error.hint, rows)
        case click.Abort() | KeyboardInterrupt():
            return _interrupted(error)
        case click.ClickException():
            hint = f"{error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else None
            return Failure("UsageError", error.format_message(), USAGE, hint=hint)
        case OSError(strerror=str(reason)):
            return Failure("OSError", reason, 2, where=_text_of(error.filename))
        case MemoryError():
            return Failure("MemoryError", "there is not enough memory", 2)
    what = traceback.format_exception_only(error)[-1].strip()
    return Failure("Bug", what, BUG, hint=BUG_HINT)


def _text_of(filename: Any) -> str | None:
    """Return the name of a file, given as text, as bytes, or as the number of an open file."""
    return None if filename is None else os.fsdecode(filename) if isinstance(filename, bytes) else str(filename)


def _interrupted(error: BaseException) -> Failure:
    """Tell Ctrl-C from a signal: click turns both into an Abort, which has the original as its cause."""
    for cause in (error, error.__cause__, error.__context__):
        if isinstance(cause, Ended):
            return Failure("Interrupted", f"ended by {cause}", cause.exit_code)
    return Failure("Interrupted", "interrupted", INTERRUPTED)


def _print(failure: Failure) -> None:
    from kexport.cli.render import stderr

    where = f"{one_line(failure.where)}: " if failure.where else ""
    console = stderr()
    console.print("[bold red]error:[/]", end=" ")
    console.print(f"{where}{indented(failure.what)}", markup=False, soft_wrap=True)
    if failure.hint:
        console.print(f"  hint: {indented(failure.hint)}", markup=False, soft_wrap=True)


def _to_json(failure: Failure) -> dict[str, Any]:
    fields = {**failure._asdict(), "items": list(failure.items)}
    return {key: value for key, value in fields.items() if value not in (None, [])}
