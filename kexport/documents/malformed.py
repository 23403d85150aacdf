"""What is raised of a document that is not what it should be."""

from __future__ import annotations

from typing import Any

_LONGEST = 300


class Malformed(ValueError):
    """A document makes no sense; the message says where in it and why.

    The arguments after the first are those that generated validators pass.
    """

    def __init__(self, what: str, value: Any = None, name: str = "", definition: Any = None, rule: str = ""):
        super().__init__(what if len(what) <= _LONGEST else f"{what[:_LONGEST]}…")
