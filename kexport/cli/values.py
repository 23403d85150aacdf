"""Reads option values such as `batch=1`, `ids:1=length` and `probs=1e-3`."""

from __future__ import annotations

import math
from collections.abc import Iterable

from kexport.errors import ConfigError
from kexport.names import each_name

ALL = "*"
"""The key of a tolerance for every output."""


def read_targets(values: Iterable[str]) -> list[str] | None:
    """Parse target names from repeated or comma-separated options, each once; None if there are none."""
    return list(each_name(values) or ()) or None


def read_dims(values: Iterable[str]) -> dict[str, int | str]:
    """Parse `batch=1` and `ids:1=length`: a dimension, given by symbol or by input and axis, and its size or symbol."""
    dims: dict[str, int | str] = {}
    for value in values:
        key, size = split_pair("--dim", value, "batch=1 or ids:1=length")
        if size.isdecimal() and int(size) > 0:
            dims[key] = int(size)
        elif size.isidentifier():
            dims[key] = size
        else:
            raise ConfigError(f"{size!r} is no size and no name", where=f"--dim {value}", hint="use a number above 0")
    return dims


def read_tolerances(values: Iterable[str]) -> dict[str, float] | None:
    """Parse `probs=1e-3`, or `1e-3` for every output: the largest absolute error allowed; None if none is given."""
    tolerances: dict[str, float] = {}
    for value in values:
        name, _, number = value.rpartition("=")
        try:
            tolerance = float(number)
        except ValueError:
            tolerance = math.nan
        if not 0 <= tolerance < math.inf:
            raise ConfigError(f"{number!r} is no tolerance", where=f"--tolerance {value}", hint="write probs=1e-3")
        tolerances[name or ALL] = tolerance
    return tolerances or None


def read_replacements(values: Iterable[str]) -> dict[str, str]:
    """Parse `lambda_1=x/127.5-1` and `lambda_1=module:function`: a layer's name and what it computes."""
    return dict(split_pair("--replace", value, "lambda_1=x/127.5-1") for value in values)


def read_numbers(option: str, value: str) -> list[int]:
    """Parse `1,2,4`: whole numbers above 0, each once."""
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ConfigError(f"{value!r} is no list of numbers above 0", where=option, hint="for example 1,2")
    return list(dict.fromkeys(map(int, parts)))


def split_pair(option: str, value: str, example: str) -> tuple[str, str]:
    """Split `NAME=VALUE`. The ConfigError names the option and shows an example."""
    key, equals, text = (part.strip() for part in value.partition("="))
    if not (key and equals and text):
        raise ConfigError(f"{value!r} is not of the form NAME=VALUE", where=option, hint=f"for example {example}")
    return key, text


def read_part(value: str | None) -> float | None:
    """`99.5%` or `99.5` as 0.995.

    Raises:
        ConfigError: no number from 0 to 100.
    """
    if value is None:
        return None
    try:
        found = float(value.removesuffix("%"))
    except ValueError:
        found = math.nan
    if not 0 <= found <= 100:
        raise ConfigError(
            f"--min-agreement takes a percentage, not {value!r}", hint="for example --min-agreement 99.5%"
        )
    return found / 100
