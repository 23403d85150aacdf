"""Reports which of several items long work is at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
Tell = Callable[[str, int, int], None]
"""Called with an item, its number from 1 on, and their total."""


def nobody(what: str, number: int, count: int) -> None:
    """Report to nobody."""


def told(items: Sequence[T], tell: Tell, what: Callable[[T], str] | str) -> Iterator[T]:
    """Yield the items, reporting each before its turn."""
    for number, item in enumerate(items, 1):
        tell(what if isinstance(what, str) else what(item), number, len(items))
        yield item
