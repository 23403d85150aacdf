"""The options of targets on the command line: `-O onnx.opset=24`, made from the fields of their dataclasses."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, Union

from kexport.cli.values import split_pair
from kexport.errors import ConfigError
from kexport.names import nearest, suggest


class Field(NamedTuple):
    """One option of a target in words."""

    name: str
    values: str
    default: str
    help: str


class Kind(NamedTuple):
    """How values of a type are described and parsed."""

    text: str
    read: Callable[[str], Any]


def read_options(values: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Parse options into values by target and option name, of the types that the target declares."""
    options: dict[str, dict[str, Any]] = {}
    for value in values:
        key, text = split_pair("-O", value, "onnx.opset=24")
        target, _, name = key.partition(".")
        options.setdefault(target, {})[name] = _read(target, name, text, f"-O {value}")
    return options


def option_fields(options: type[Any]) -> list[Field]:
    """Return the fields of a target's options."""
    hints = typing.get_type_hints(options)
    return [
        Field(f.name, kind_of(hints[f.name]).text, _show(f.default), f.metadata.get("help", ""))
        for f in dataclasses.fields(options)
    ]


def kind_of(hint: Any) -> Kind:
    """Choose how to describe and parse values of an annotated type; a union is parsed as its first member that fits."""
    if typing.get_origin(hint) is Literal:
        choices = {str(c): c for c in typing.get_args(hint)}
        return Kind("|".join(choices), lambda text: _look_up(choices, text))
    if typing.get_origin(hint) in (Union, types.UnionType):
        kinds = [kind_of(member) for member in typing.get_args(hint)]
        return Kind("|".join(k.text for k in kinds), lambda text: _first(kinds, text))
    return _KINDS[hint]


def _read(target: str, name: str, text: str, where: str) -> Any:
    from kexport.target import find_target

    hints = typing.get_type_hints(find_target(target).options)
    if name not in hints:
        hint = suggest(name, sorted(hints), "its options")
        raise ConfigError(f"{target} has no option {name!r}", where=where, hint=hint)
    kind = kind_of(hints[name])
    try:
        return kind.read(text)
    except ValueError as e:
        near = nearest(text, kind.text.split("|"))
        hint = f"did you mean {' or '.join(near)}? give {kind.text}" if near else f"give {kind.text}"
        raise ConfigError(f"{text!r} is no value of {target}.{name}", where=where, hint=hint) from e


def _look_up(choices: dict[str, Any], text: str) -> Any:
    if text not in choices:
        raise ValueError(text)
    return choices[text]


def _first(kinds: list[Kind], text: str) -> Any:
    for kind in kinds:
        try:
            return kind.read(text)
        except ValueError:
            continue
    raise ValueError(text)


def _show(value: Any) -> str:
    shown = [word for word, meant in _WORDS.items() if meant is value]
    return shown[0] if shown else str(value)


_WORDS: dict[str, Any] = {"yes": True, "no": False, "none": None}
_KINDS: dict[Any, Kind] = {
    int: Kind("INTEGER", int),
    float: Kind("NUMBER", float),
    str: Kind("TEXT", str),
    bool: Kind("yes|no", lambda text: _look_up({"yes": True, "no": False}, text)),
    type(None): Kind("none", lambda text: _look_up({"none": None}, text)),
}
