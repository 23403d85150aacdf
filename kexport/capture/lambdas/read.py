"""Reads a lambda stored in a model file as an expression."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport.capture.lambdas.decompile import decompile
from kexport.capture.lambdas.expression import Expression, text
from kexport.capture.lambdas.instructions import CANDIDATES, spoken
from kexport.capture.lambdas.marshal_data import LAYOUTS, Code, Unreadable, read_code

VARIABLE_ARGUMENTS = 0x0C
"""The flags of code that takes `*args` or `**kwargs`."""


@dataclass(frozen=True)
class Function:
    """A function that was read: its parameters, what it returns, and the values that the file has beside its code."""

    parameters: tuple[str, ...]
    result: Expression
    defaults: dict[str, Any]
    """Values of the last parameters."""
    closure: dict[str, Any]
    """Values of variables of a function around it."""
    python: str = ""
    """The Python version that compiled it, in words."""

    def __str__(self) -> str:
        return text(self.result, self.parameters)


class NotUnderstood(Exception):
    """Why a lambda was not read; `python` says of which version it is, if that is known."""

    def __init__(self, why: str, python: str = ""):
        super().__init__(f"{why} ({python})" if python else why)


def read_lambda(stored: Any) -> Function:
    """The function that a file stores as `[code, defaults, closure]` or as `{"code": …, "defaults": …, "closure": …}`.

    Raises:
        NotUnderstood: it is damaged, or does more than to compute one expression.
    """
    if isinstance(stored, dict):
        stored = [stored.get("code"), stored.get("defaults"), stored.get("closure")]
    if not isinstance(stored, list) or not stored or not isinstance(stored[0], str):
        raise NotUnderstood("its code is not in the file")
    defaults, closure = (_plain(v) or () for v in [*stored[1:], None, None][:2])
    code, result, python = _read(stored[0])
    count = code.arguments + code.keyword_only
    parameters = code.variables[:count]
    if not isinstance(defaults, (list, tuple)) or len(defaults) > len(parameters):
        raise NotUnderstood("its defaults are not those of its parameters", python)
    if not isinstance(closure, (list, tuple)) or len(closure) != len(code.free):
        raise NotUnderstood("the values that it takes from around it are not in the file", python)
    named = dict(zip(parameters[len(parameters) - len(defaults) :], defaults, strict=True))
    return Function(parameters, result, named, dict(zip(code.free, closure, strict=True)), python)


def _read(stored: str) -> tuple[Code, Expression, str]:
    found: list[tuple[Code, Expression, str]] = []
    faults = [(-1, "its bytes are no function of CPython 2.7 to 3.13", "")]
    for data in _bytes(stored):
        for layout, fields in LAYOUTS.items():
            try:
                code = read_code(data, fields)
            except Unreadable:
                continue
            for version in CANDIDATES[layout]:
                where = spoken(version)
                try:
                    if code.flags & VARIABLE_ARGUMENTS:
                        raise Unreadable("it takes any number of arguments")
                    found.append((code, decompile(code, version), where))
                except Unreadable as e:
                    faults.append((e.place, str(e), where))
    results = {repr(result) for _, result, _ in found}
    if len(results) > 1:
        raise NotUnderstood("its bytes can be read in two ways")
    if not found:
        _, why, where = max(faults, key=lambda fault: fault[0])
        raise NotUnderstood(why, where)
    return found[0]


def _bytes(stored: str) -> list[bytes]:
    """The bytes behind the text: base64, and before Keras 2.1 the bytes themselves, escaped."""
    found: list[bytes] = []
    with suppress(binascii.Error, ValueError):
        found.append(base64.b64decode(stored.encode("ascii"), validate=False))
    with suppress(ValueError):
        found.append(stored.encode("raw_unicode_escape"))
    return found


def _plain(value: Any) -> Any:
    """A value that Keras 2 or 3 wrote into a config: numbers, texts, lists, arrays."""
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if not isinstance(value, dict):
        return value
    inner = value.get("config")
    match value.get("class_name"), value.get("type"):
        case ("__tuple__", _):
            return tuple(_plain(v) for v in value.get("items", value.get("config", {}).get("value", ())))
        case ("__numpy__" | "__tensor__", _) if isinstance(inner, dict):
            return _array(inner.get("value"), str(inner.get("dtype")))
        case (_, "ndarray"):
            return _array(value.get("value"), "float32")
    raise NotUnderstood("a value beside its code is neither a number nor an array")


def _array(value: Any, dtype: str) -> Any:
    try:
        return np.asarray(value, np.dtype(dtype))
    except (TypeError, ValueError) as e:
        raise NotUnderstood(f"an array beside its code cannot be read: {e}") from e
