"""Telling which of several things has its turn, in work that takes long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
Tell = Callable[[str, int, int], None]
"""Called with what is done, the number of its turn, from 1 on, and how many there are."""


def nobody(what: str, number: int, count: int) -> None:
    """Tells nobody."""


def told(items: Sequence[T], tell: Tell, what: Callable[[T], str] | str) -> Iterator[T]:
    """The items one by one, each told before its turn."""
    for number, item in enumerate(items, 1):
        tell(what if isinstance(what, str) else what(item), number, len(items))
        yield item
