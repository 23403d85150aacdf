"""What a lowering raises where it cannot express an operation."""

from __future__ import annotations


class NotLowered(Exception):
    """This call or op cannot be lowered here; says why. A frame then falls back on what is inside it."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason
