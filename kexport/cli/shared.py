"""Options that several commands share: how to read a model, and how to check an artifact."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import click

from kexport.cli.command import State
from kexport.cli.values import read_dims, read_part, read_replacements, read_tolerances

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

MAX_SECONDS = 1e8
"""Three years: a bound that every system's timers accept."""
_MODEL = (
    click.option("--dim", multiple=True, metavar="DIM=SIZE", help="Fix or name a dimension: batch=1, ids:1=length."),
    click.option("--custom", multiple=True, metavar="MODULE", help="Import a module that registers custom objects."),
    click.option("--trust", is_flag=True, help="Run code stored in the model. Only if you trust its origin."),
)
_READING = (
    click.option("--signature", metavar="NAME", help="Which signature of a SavedModel."),
    click.option("--example", metavar="FILE", help="An .npz with a batch for a subclassed model, an array per input."),
    click.option(
        "--replace",
        multiple=True,
        metavar="LAYER=WHAT",
        help="What a layer such as a Lambda computes: an expression of x, or module:function.",
    ),
    click.option(
        "--model",
        "architecture",
        metavar="WHERE",
        help="The model that a file of weights belongs to: module:function, or a JSON file.",
    ),
)


def timeout_option(what: str, default: float = 300) -> Decorator:
    """Decorator: adds --timeout; `what` says what the time limit is for."""
    seconds = click.FloatRange(min=1, max=MAX_SECONDS)
    names = {"default": default, "show_default": True, "metavar": "SECONDS", "help": what}
    return click.option("--timeout", type=seconds, callback=_number, **names)


def _number(ctx: click.Context, param: click.Parameter, value: float) -> float:
    """Refuse NaN, which compares with nothing."""
    if math.isnan(value):
        raise click.BadParameter("nan is no number of seconds", ctx, param)
    return value


def _keep_junit(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    state = ctx.find_object(State)
    if state is not None:
        state.junit = value


_JUDGE = (
    click.option("--tolerance", multiple=True, metavar="[OUTPUT=]ERROR", help="Allowed absolute error."),
    click.option(
        "--junit",
        metavar="FILE",
        expose_value=False,
        callback=_keep_junit,
        help="Write the verdicts as JUnit XML, too.",
    ),
)
_CHECK = (timeout_option("For reading a model or artifact, and for each runtime."), *_JUDGE)
require_option = click.option(
    "--require",
    multiple=True,
    metavar="LEVEL[:TARGET,...]",
    help="Exit with 1 unless the artifacts are verified, simulated or valid: verified:onnx.",
)
inputs_option = click.option(
    "--inputs",
    "samples",
    metavar="FILE",
    help="Samples to run on as well: an .npz with an array per input, or a folder.",
)


def _all(options: Sequence[Decorator]) -> Decorator:
    return lambda function: reduce(lambda f, option: option(f), reversed(options), function)


model_options = _all(_MODEL)
"""Decorator: adds the options that say how to read a model."""
reading_options = _all(_READING)
"""Decorator: adds further options about a model that is read in this command."""
judge_options = _all(_JUDGE)
"""Decorator: adds the options that say how to judge, without a time limit."""
check_options = _all(_CHECK)
"""Decorator: adds the options that say how to check an artifact."""

_READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "dim": ("dims", read_dims),
    "custom": ("custom", tuple),
    "tolerance": ("tolerance", read_tolerances),
    "replace": ("replace", read_replacements),
    "min_agreement": ("min_agreement", read_part),
    "samples": ("samples", lambda path: Path(path) if path else None),
}
"""Option -> (argument of the functions in `kexport.workflows`, reader of its values)."""


def arguments(values: dict[str, Any]) -> dict[str, Any]:
    """Convert shared options into arguments of the functions in `kexport.workflows`; others pass unchanged."""
    read = {name: _READERS.get(name, (name, _same)) for name in values}
    return {argument: reader(values[name]) for name, (argument, reader) in read.items()}


def _same(value: Any) -> Any:
    return value
