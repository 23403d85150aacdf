"""Checks the user's choice of targets, options and name before any work."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kexport.errors import ConfigError
from kexport.names import each_name, suggest
from kexport.paths import is_inside
from kexport.target import Options, Target, find_target, pip_install, targets

Names = str | Target | Iterable[str | Target] | None
"""One or several targets or names of targets; a text may hold several separated by commas. None for no choice."""


def choose_targets(names: Names) -> list[Target]:
    """Return the targets called `names`, or all that can emit here if none is given.

    Raises:
        ConfigError: an unknown target, one whose packages are missing, or none that can be used.
    """
    if wanted := each_target(names):
        chosen = [find_target(name) for name in wanted]
        for target in chosen:
            if missing := target.missing():
                what = f"the target {target.name!r} needs {', '.join(missing)}, which is not installed"
                raise ConfigError(what, hint=pip_install(target.extra))
        return chosen
    chosen = [t for t in targets().values() if not t.missing()]
    if not chosen:
        raise ConfigError("no target can be used here", hint="kexport doctor says what to install")
    return chosen


def each_target(names: Names) -> tuple[str | Target, ...]:
    """Split into targets or names: a text separated by commas, a path, a target, or a collection of them."""
    return tuple(n if isinstance(n, Target) else str(n) for n in each_name(names) or ())


def make_options(target: Target, given: Mapping[str, Any]) -> Options:
    """Make the target's options from the user's values.

    Raises:
        ConfigError: no such option, or a value of another kind.
    """
    check_options(target, given)
    try:
        return target.options(**given)
    except ConfigError as e:
        raise e.located(target.name) from None


def check_options(target: Target, given: Mapping[str, Any]) -> None:
    """Check the names and values of a target's options.

    Raises:
        ConfigError: no such option, or a value of another kind.
    """
    fields = {f.name for f in dataclasses.fields(target.options)}
    kinds = typing.get_type_hints(target.options)
    for name, value in given.items():
        if name not in fields:
            hint = suggest(name, sorted(fields), "its options")
            raise ConfigError(f"target {target.name!r} has no option {name!r}", hint=hint)
        if wanted := _unlike(value, kinds[name]):
            raise ConfigError(f"option {name!r} of target {target.name!r} cannot be {value!r}", hint=f"give {wanted}")


def known_options(target: Target, given: Mapping[str, Any]) -> dict[str, Any]:
    """Make options from a manifest; those unknown to this version of the target are dropped."""
    defaults = dataclasses.asdict(target.options())
    return defaults | {name: value for name, value in given.items() if name in defaults}


def _unlike(value: Any, kind: Any) -> str:
    """Return what is wanted instead of a value of the wrong kind: a choice, or a type; empty if it fits."""
    if typing.get_origin(kind) is typing.Literal:
        choices = typing.get_args(kind)
        return "" if value in choices else f"one of {', '.join(map(repr, choices))}"
    kinds = typing.get_args(kind) or (kind,)
    plain = all(isinstance(k, type) for k in kinds)
    fits = not plain or isinstance(value, (*kinds, int) if float in kinds else kinds)
    fits = fits and (not isinstance(value, bool) or not plain or bool in kinds)
    return "" if fits else " or ".join(getattr(k, "__name__", str(k)) for k in kinds)


def place_of(model: Any) -> str | None:
    """Return the place of a model; None for one that is not in a file."""
    return str(model) if isinstance(model, str | Path) else None


_LONGEST = 120
"""The most bytes of a name, which is the beginning of longer ones."""


def model_name(wanted: str | None, found: str) -> str:
    """Return the name of the artifacts: the wanted one, or one found, in letters that suit every file system.

    The found one is that of the model's file or folder without its extension, or without a file the model's own.

    Raises:
        ConfigError: the wanted name is not a plain file name.
    """
    if wanted is None:
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", found).strip("._")[:_LONGEST].strip("._") or "model"
        return name if is_inside(name) else f"model_{name}"
    if wanted.startswith(".") or "/" in wanted or not is_inside(wanted) or len(wanted.encode()) > _LONGEST:
        hint = f"use letters, digits, '_' and '-', {_LONGEST} at most"
        raise ConfigError(f"{wanted!r} cannot be the name of a file on every system", hint=hint)
    return wanted
