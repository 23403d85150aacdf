"""A watch over long work: what is being done, how long each stage took, and what is left of one where that is known."""

from __future__ import annotations

import time
from collections.abc import Callable

STAGES = {"optimize": "capture", "legalize": "emit", "publish": "emit"}
"""Small stages, and the one whose time theirs is counted in."""
LEAST = 1.0
"""Seconds. Of work that took less nobody asks how long it took."""
KNOWN = 0.1
"""The part of a stage after which its time tells something about the rest."""


class Watch:
    """Told of progress, as `kexport.workflows.progress` says; `listener` is called after each time."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter):
        self.clock = clock
        self.listener: Callable[[], None] = lambda: None
        self.stage, self.detail = "", ""
        self.fraction: float | None = None
        self.seconds: dict[str, float] = {}
        self.begun = self._last = self._since = clock()
        self._from = 0.0

    def __call__(self, stage: str, detail: str = "", fraction: float | None = None) -> None:
        self._count()
        if stage != self.stage or fraction is None or self.fraction is None or fraction < self.fraction:
            self._since, self._from = self._last, fraction or 0.0
        self.stage, self.detail, self.fraction = stage, detail, fraction
        self.listener()

    def stop(self) -> None:
        """Nothing is being done any more."""
        self._count()
        self.stage = ""

    @property
    def subject(self) -> str:
        """What the stage works on, without what changes while it does."""
        return self.detail.partition(", ")[0]

    @property
    def long(self) -> str:
        """What is being done: stage and detail."""
        return f"{self.stage} {self.detail}".strip()

    @property
    def short(self) -> str:
        """The stage, and of the detail what changes while it goes on, if anything does."""
        return f"{self.stage} {self.detail.partition(', ')[2] or self.detail}".strip()

    @property
    def left(self) -> str:
        """How long the stage may still take, in words; empty where that is not known."""
        done = (self.fraction or 0.0) - self._from
        if done < KNOWN:
            return ""
        left = (self.clock() - self._since) * (1 - (self.fraction or 0.0)) / done
        return f"about {clock_text(left)} more"

    @property
    def described(self) -> str:
        """What is being done, for how long already, and for how long still."""
        parts = (self.long, clock_text(self.clock() - self.begun), self.left)
        return ", ".join(filter(None, parts))

    @property
    def took(self) -> str:
        """How long all of it took, by stage; empty where it took no time to speak of."""
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
    """Seconds as a clock shows them: `1:20`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
