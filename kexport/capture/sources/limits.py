"""How large and how deep what a model file holds may be, checked before anything is made of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kexport.errors import CaptureError

MAX_JSON = 256 << 20
MAX_DEPTH = 200
"""Models within models within models: a level of them takes six of JSON."""
BOMB_FLOOR, BOMB_RATIO = 256 << 20, 100
"""What is larger than the floor and more than this many times its stored size is no model."""

MAX_ATTEMPTS = 1000
"""Passes over the calls of a functional model; one for each layer that is called on what stands below it."""


def parse_json(text: str | bytes, what: str, where: str | None = None, hint: str | None = None) -> Any:
    """The value of a JSON text out of a model file.

    Raises:
        CaptureError: it is too large, nested too deep, or no JSON; `what` is what it is called.
    """
    if len(text) > MAX_JSON:
        raise CaptureError(f"{what} has {len(text)} bytes", where=where, hint=hint)
    try:
        value = json.loads(text)
    except RecursionError as e:
        raise _too_deep(what, where, hint) from e
    except ValueError as e:
        raise CaptureError(f"{what} is no JSON: {e}", where=where, hint=hint) from e
    if _depth(value) > MAX_DEPTH:
        raise _too_deep(what, where, hint)
    return value


def _too_deep(what: str, where: str | None, hint: str | None) -> CaptureError:
    return CaptureError(f"{what} is nested more than {MAX_DEPTH} levels deep", where=where, hint=hint)


def _depth(value: Any) -> int:
    """How many lists and dicts lie within each other, counted level by level and no further than the limit."""
    level = [value]
    depth = 0
    while level and depth <= MAX_DEPTH:
        level = [x for v in level for x in _children(v) if isinstance(x, dict | list)]
        depth += 1
    return depth


def _children(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def too_many_weights(size: int, where: str | None) -> CaptureError:
    """The error about a config that asks for more than its file can fill."""
    return CaptureError(
        f"its config asks for weights of {size} bytes and more, which the file cannot hold", where=where
    )


@contextmanager
def within(path: str) -> Iterator[None]:
    """Put a file's name before the place that an error about a part of it names."""
    try:
        yield
    except CaptureError as e:
        if not (e.where or "").startswith(path):
            e.where = ": ".join(filter(None, (path, e.where)))
        raise
