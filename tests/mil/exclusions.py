"""Which of Apple's tests say nothing about the evaluator, and why. Every reason is counted and printed."""

from __future__ import annotations

import re
from typing import NamedTuple


class Exclusion(NamedTuple):
    """Tests whose name matches `pattern` are not run."""

    pattern: str
    reason: str


EXCLUSIONS: tuple[Exclusion, ...] = ()


def excluded(test: str) -> str | None:
    """Why a test is not run, or None."""
    return next((e.reason for e in EXCLUSIONS if re.search(e.pattern, test)), None)
