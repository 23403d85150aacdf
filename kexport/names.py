"""Reads names that a user gives, one or several, and suggests what an unknown one was meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

LISTED = 20
"""The most known names that a hint lists."""


def suggest(name: object, known: Iterable[str], what: str) -> str:
    """Return a hint for an unknown name: `did you mean 'onnx'? targets: coreml, onnx, tflite`.

    `what` names the kind of the known ones, in the plural.
    """
    names = list(dict.fromkeys(known))
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    near = nearest(name, names)
    meant = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"{meant}{what}: {', '.join(names[:LISTED]) or 'none'}{more}"


def nearest(name: object, known: Iterable[str]) -> list[str]:
    """Return the one or two known names most similar to a mistyped one, ignoring case; often none."""
    from difflib import get_close_matches

    lower = {n.lower(): n for n in known}
    return [lower[n] for n in get_close_matches(str(name).lower(), lower, n=2)]


def each_name(names: Any, *, split: bool = True) -> tuple[Any, ...] | None:
    """Return the given names, one or several, each once; None if nothing was given.

    A text is one name, or several separated by commas if `split`; it is never taken apart into letters. A path, a
    module, a class, a function and anything else that is no collection is one item. A set is sorted by its text, so
    that equal sets mean the same.
    """
    items = () if names is None else _items(names)
    return tuple(dict.fromkeys(part for item in items for part in _parts(item, split))) or None


def _items(names: Any) -> Iterable[Any]:
    if isinstance(names, (str, Path, ModuleType, type)) or not isinstance(names, Iterable):
        return (names,)
    return sorted(names, key=str) if isinstance(names, (set, frozenset)) else names


def _parts(item: Any, split: bool) -> Iterable[Any]:
    if not isinstance(item, str):
        return (item,)
    return filter(None, (part.strip() for part in (item.split(",") if split else (item,))))
