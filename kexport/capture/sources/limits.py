"""Limits the size and depth of a model file's contents, before anything is built from them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kexport.errors import CaptureError

MAX_JSON = 256 << 20
MAX_DEPTH = 200
"""The deepest nesting of JSON; a model within a model takes six levels."""
BOMB_FLOOR = 256 << 20
BOMB_RATIO = 100
"""Contents above the floor that are more than this many times their stored size are refused."""

MAX_ATTEMPTS = 1000
"""Passes over the calls of a functional model; one for each layer that is called on what stands below it."""


def parse_json(text: str | bytes, what: str, where: str | None = None, hint: str | None = None) -> Any:
    """Parse a JSON text from a model file.

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
    """Return the depth of nested lists and dicts, counted level by level and no further than the limit."""
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
    """Prefix the place of an error with the file's name."""
    try:
        yield
    except CaptureError as e:
        if not (e.where or "").startswith(path):
            e.where = ": ".join(filter(None, (path, e.where)))
        raise
