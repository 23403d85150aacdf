"""Names that are unique in an artifact."""

from __future__ import annotations

from collections.abc import Callable


class Names:
    """Gives names out, each once.

    Args:
        between: what stands between a name and the number that tells it from an earlier one.
        first: the number before the first one that is given out.
        fold: the form in which two names count as the same.
        chained: number a taken name on from the last one tried (`a_1_1`), not from the name asked for (`a_2`).
    """

    def __init__(
        self, between: str = "_", first: int = 0, fold: Callable[[str], str] = str, chained: bool = False
    ) -> None:
        self._between = between
        self._first = first
        self._fold = fold
        self._chained = chained
        self._counts: dict[str, int] = {}

    def unique(self, name: str) -> str:
        """`name`, or with the next number behind it if it is taken."""
        found = base = name
        while self._fold(found) in self._counts:
            base = found if self._chained else base
            self._counts[self._fold(base)] += 1
            found = f"{base}{self._between}{self._counts[self._fold(base)]}"
        self._counts[self._fold(found)] = self._first
        return found
