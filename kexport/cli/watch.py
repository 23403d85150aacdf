"""Times long work: the current stage, how long each stage took, and the time left if that can be estimated."""

from __future__ import annotations

import time
from collections.abc import Callable

STAGES = {"optimize": "capture", "legalize": "emit", "publish": "emit"}
"""Small stages, each with the stage that its time is added to."""
LEAST = 1.0
"""Seconds below which the time of the work is not worth a line."""
KNOWN = 0.1
"""The fraction of a stage from which the rest is estimated."""


class Watch:
    """Receives progress as described in `kexport.workflows.progress`, and calls `listener` after each report."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter):
        self.clock = clock
        self.listener: Callable[[], None] = lambda: None
        self.stage = ""
        self.detail = ""
        self.fraction: float | None = None
        self.seconds: dict[str, float] = {}
        self.begun = self._last = self._since = clock()
        self._from = 0.0

    def __call__(self, stage: str, detail: str = "", fraction: float | None = None) -> None:
        self._count()
        if stage != self.stage or fraction is None or self.fraction is None or fraction < self.fraction:
            self._since = self._last
            self._from = fraction or 0.0
        self.stage = stage
        self.detail = detail
        self.fraction = fraction
        self.listener()

    def stop(self) -> None:
        """End the current stage."""
        self._count()
        self.stage = ""

    @property
    def subject(self) -> str:
        """The item that the stage works on, without its changing part."""
        return self.detail.partition(", ")[0]

    @property
    def long(self) -> str:
        """The current work: stage and detail."""
        return f"{self.stage} {self.detail}".strip()

    @property
    def short(self) -> str:
        """The stage, with the changing part of its detail, if any."""
        return f"{self.stage} {self.detail.partition(', ')[2] or self.detail}".strip()

    @property
    def left(self) -> str:
        """The estimated time left of the stage, in words; empty if unknown."""
        done = (self.fraction or 0.0) - self._from
        if done < KNOWN:
            return ""
        left = (self.clock() - self._since) * (1 - (self.fraction or 0.0)) / done
        return f"about {clock_text(left)} more"

    @property
    def described(self) -> str:
        """The current work, the time so far, and the time left."""
        parts = (self.long, clock_text(self.clock() - self.begun), self.left)
        return ", ".join(filter(None, parts))

    @property
    def took(self) -> str:
        """The total time and that of each stage, in words; empty if it was short."""
        total = sum(self.seconds.values())
        if total < LEAST:
            return ""
        parts = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in self.seconds.items() if seconds >= 0.05)
        return f"took {clock_text(total)}: {parts}"

    def _count(self) -> None:
        now = self.clock()
        if self.stage:
            stage = STAGES.get(self.stage, self.stage)
            self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now


def clock_text(seconds: float) -> str:
    """Format seconds as on a clock: `1:20`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
