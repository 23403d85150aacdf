"""The base of all subcommands: examples in the help, the options --json, --quiet and --debug, and their state."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from kexport.cli.noise import without_noise
from kexport.printable import json_text


@dataclass
class State:
    """How to print. With `data`, stdout gets one JSON document and nothing else."""

    debug: bool = False
    quiet: bool = False
    data: bool = False
    verbose: int = 0
    """1 with -v, 2 with -vv."""
    junit: str | None = None
    """The file for verdicts as JUnit XML, if one was requested."""


Examples = tuple[tuple[str, str], ...]
"""Pairs of a description and a command line."""


class Command(click.Command):
    """A subcommand whose help ends with examples."""

    def __init__(self, *args: Any, examples: Examples = (), **extra: Any):
        super().__init__(*args, **extra)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(formatter, self.examples)


def write_examples(formatter: click.HelpFormatter, examples: Examples) -> None:
    """Write the last section of a help text."""
    with formatter.section("Examples"):
        indent = " " * formatter.current_indent
        for what, line in examples:
            formatter.write(f"{indent}# {what}\n{indent}{line}\n")


def subcommand(name: str, brief: str, *examples: tuple[str, str]) -> Callable[[Callable[..., Any]], Command]:
    """Decorator: a subcommand with --json, --quiet and --debug, whose function gets the State first.

    `brief` is its line in the list of commands; its docstring is its help.
    """

    def decorate(function: Callable[..., Any]) -> Command:
        @click.pass_obj
        @wraps(function)
        def run(state: State, *args: Any, **kwargs: Any) -> Any:
            with nullcontext() if state.debug else without_noise():
                return function(state, *args, **kwargs)

        made = click.command(name, cls=Command, examples=examples, short_help=brief)(run)
        made.params += [flag("data"), flag("quiet"), flag("debug")]
        return made

    return decorate


def flag(attribute: str) -> click.Option:
    """Make the option that sets this attribute of the State."""
    names, text = _FLAGS[attribute]

    def store(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        state = ctx.find_object(State)
        if value and state is not None:
            setattr(state, attribute, True)

    return click.Option(names, is_flag=True, expose_value=False, is_eager=True, callback=store, help=text)


_FLAGS = {
    "data": (["--json"], "Print one JSON document on stdout and nothing else there."),
    "quiet": (["-q", "--quiet"], "Print errors only."),
    "debug": (["--debug"], "Show the traceback of an error, and the logs of native code."),
}


def print_json(document: Any) -> None:
    """Print the document of --json."""
    click.echo(json_text(document))
