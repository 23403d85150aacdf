"""Names that a user gives: one or several, in whatever holds them; and what was meant where one is not known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

LISTED = 20
"""How many known names a hint lists."""


def suggest(name: object, known: Iterable[str], what: str) -> str:
    """A hint for a name that is not known: `did you mean 'onnx'? targets: coreml, onnx, tflite`.

    `what` the known ones are, in the plural.
    """
    names = list(dict.fromkeys(known))
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    near = nearest(name, names)
    meant = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"{meant}{what}: {', '.join(names[:LISTED]) or 'none'}{more}"


def nearest(name: object, known: Iterable[str]) -> list[str]:
    """The one or two known names that a mistyped one is most like, whatever its case; often none."""
    from difflib import get_close_matches

    lower = {n.lower(): n for n in known}
    return [lower[n] for n in get_close_matches(str(name).lower(), lower, n=2)]


def each_name(names: Any, *, split: bool = True) -> tuple[Any, ...] | None:
    """What was given as one name or several, each once; None where nothing was.

    Text is one name, or several between commas if it is to be `split`; it never falls into letters. A path, a module,
    a class, a function and whatever else is no collection is one thing. A set is taken in the order of its text, so
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
