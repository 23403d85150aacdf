"""Finds the line of a key in TOML, whose parser tells no places."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

Keys = Sequence[str]
"""The names that lead to a value, from the outermost table."""


def line_of(text: str, keys: Keys) -> int:
    """The first line of what sets a key, or of the nearest table around it; 1 if there is none."""
    best = 0
    found = 1
    for line, table, content in statements(text):
        depth = _depth(_nested(table, content), keys)
        if depth > best:
            best = depth
            found = line
    return found


def statements(text: str) -> Iterator[tuple[int, Keys, dict[str, Any]]]:
    """The first line, the table and the content of each statement of a text that is TOML.

    A statement is as many lines as are TOML by themselves. One that opens a table has no content.
    """
    table: list[str] = []
    start = 1
    held = ""
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        held += line
        with suppress(tomllib.TOMLDecodeError):
            content = tomllib.loads(held)
            if held.lstrip().startswith("["):
                table = _path(content)
                content = {}
            yield start, table, content
            held = ""
            start = number + 1


def _path(opened: Any) -> list[str]:
    """The names that lead to a table that is opened and empty."""
    found: list[str] = []
    while opened:
        if isinstance(opened, list):
            opened = opened[0]
        else:
            name = next(iter(opened))
            found.append(name)
            opened = opened[name]
    return found


def _nested(table: Keys, content: dict[str, Any]) -> dict[str, Any]:
    for name in reversed(table):
        content = {name: content}
    return content


def _depth(content: Any, keys: Keys) -> int:
    """How many of the names lead into the content."""
    depth = 0
    for name in keys:
        if not isinstance(content, dict) or name not in content:
            break
        content = content[name]
        depth += 1
    return depth
