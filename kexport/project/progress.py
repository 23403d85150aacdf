"""Progress: a function that is told what is being done."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, str, float | None], None]
"""Called with a stage ("capture"), a detail ("model.keras") and the finished part from 0 to 1, if known."""


def silent(stage: str, detail: str = "", fraction: float | None = None) -> None:
    """Tells nobody."""
