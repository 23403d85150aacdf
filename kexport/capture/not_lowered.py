"""The exception of a lowering that cannot express an operation."""

from __future__ import annotations


class NotLowered(Exception):
    """This call or op cannot be lowered here; says why. A frame then falls back on what is inside it."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Consequence(NotLowered):
    """This cannot be lowered because what it is computed from could not be, which alone is reported."""

    def __init__(self) -> None:
        super().__init__("")
