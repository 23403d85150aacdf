"""What rules did to a graph, and why others left it: kept by the caller, and published for whoever listens."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field

CHANNEL = logging.getLogger("kexport.rewrite")
"""Gets one record a rule and run of a pass: at INFO (pass, rule, count), at DEBUG (pass, rule, layer path, reason)."""


@dataclass
class Log:
    """A log of the rules: how often each fired, and each reason for which one skipped."""

    fired: Counter[str] = field(default_factory=Counter[str])
    skipped: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])

    def lines(self) -> list[str]:
        """Format the log as lines, fired rules first."""
        fired = [f"{name}: fired {n} times" for name, n in sorted(self.fired.items())]
        skipped = [f"{name}: skipped {where}: {why}" for name, where, why in sorted(self.skipped)]
        return fired + skipped

    def add(self, other: Log) -> None:
        """Count what another log holds."""
        self.fired.update(other.fired)
        self.skipped.update(other.skipped)

    def publish(self, name: str) -> None:
        """Send what the pass called `name` logged to `CHANNEL`."""
        if CHANNEL.isEnabledFor(logging.INFO):
            for rule, count in self.fired.items():
                CHANNEL.info("%s: %s fired %d times", name, rule, count)
        if CHANNEL.isEnabledFor(logging.DEBUG):
            for rule, where, why in self.skipped:
                CHANNEL.debug("%s: %s skipped %s: %s", name, rule, where, why)
