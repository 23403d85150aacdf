"""Holds what a file says against types, and names the key that does not fit with a way out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from kexport.names import suggest

Path = tuple[str, ...]
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
_NAME = re.compile(r"`([a-z |]+)`")
_PLACE = re.compile(r" - at `\$.*`$")
_PATTERN = re.compile(r"Expected `str` matching regex .*")


class Wrong(Exception):
    """A key or a value that does not fit: its path, what is wrong, and a hint."""

    def __init__(self, path: Path, what: str, hint: str | None = None):
        super().__init__(what)  # a sentence that names the key
        self.path = path
        self.hint = hint


def check(value: Any, kind: Any, path: Path = ()) -> None:
    """Check a value of a file.

    Raises:
        Wrong: the first key or value that does not fit.
    """
    for member in _members(kind) if isinstance(value, Mapping) else ():
        if isinstance(member, type) and issubclass(member, msgspec.Struct):
            return _check_table(value, member, path)
        if get_origin(member) is dict:
            for key, inner in value.items():
                check(inner, get_args(member)[1], (*path, key))
            return None
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as e:
        what, hint = _worded(str(e), value, kind)
        raise Wrong(path, f"{dotted(path)}: {what}" if path else what, hint) from None


def _check_table(value: Mapping[str, Any], kind: type[msgspec.Struct], path: Path) -> None:
    known = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for key, inner in value.items():
        if key not in known:
            where = dotted(path) or "the file"
            raise Wrong((*path, key), f"{where} has no key {key!r}", suggest(key, sorted(known), "its keys"))
        check(inner, known[key], (*path, key))


def _members(kind: Any) -> Iterator[Any]:
    """The types that an annotated type or a union stands for."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _members(get_args(kind)[0])
    elif origin in (Union, UnionType):
        for member in get_args(kind):
            yield from _members(member)
    else:
        yield kind


def _worded(message: str, value: Any, kind: Any) -> tuple[str, str | None]:
    """The library's message in words, and an example if the type has one."""
    text = _PLACE.sub("", message)
    found = list(_examples(kind))
    hint = f"for example {' or '.join(_shown(e) for e in found)}" if found else None
    if _PATTERN.fullmatch(text) or (found and isinstance(value, str)):
        return f"{_shown(value)} is nothing that can stand here", hint
    text = _NAME.sub(lambda m: " or ".join(_WORDS.get(name, name) for name in m[1].split(" | ")), text)
    return text[:1].lower() + text[1:], hint


def _examples(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Annotated:
        for meta in get_args(kind)[1:]:
            yield from getattr(meta, "examples", None) or ()
    for member in get_args(kind) if get_origin(kind) in (Annotated, Union, UnionType) else ():
        yield from _examples(member)


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dotted(path: Path) -> str:
    """A path as TOML writes it."""
    return ".".join(name if _BARE.fullmatch(name) else f'"{name}"' for name in path)
