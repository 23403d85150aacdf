"""What becomes of a fault, and how it is counted."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.faults.effect import EFFECTIVE

ROUNDING = 1.0
"""Up to how many units of noise a change is no more than another order of rounding."""


class Outcome(enum.Enum):
    """What became of one injected fault."""

    KILLED = "killed"
    """It changes outputs beyond the noise, and verification says so."""
    SURVIVED = "survived"
    """It changes outputs beyond the noise, and verification does not notice: a bug of kexport."""
    NOISE = "within the noise"
    """It changes outputs, but by less than `EFFECTIVE` units; either verdict is right."""
    IDLE = "idle"
    """It changes no output of this model."""
    HEALED = "healed"
    """What the target writes computes the right outputs all the same: the fault is not in the artifact."""
    UNWRITTEN = "unwritten"
    """The target refuses to write the graph."""
    ACCEPTED = "accepted"
    """It is harmless, and verification lets it pass."""
    FALSE_ALARM = "false alarm"
    """It changes nothing, and verification rejects it: a bug of kexport."""


@dataclass(frozen=True)
class Case:
    """One fault at one place of one model, on one target."""

    fault: str
    model: str
    target: str
    place: str
    outcome: Outcome
    change: float
    """In units of noise."""
    reason: str
    """What verification said."""


@dataclass(frozen=True)
class Score:
    """What a run over many cases showed."""

    cases: tuple[Case, ...]

    def __getitem__(self, outcome: Outcome) -> list[Case]:
        return [c for c in self.cases if c.outcome is outcome]

    @property
    def wrong(self) -> list[Case]:
        """Survivors and false alarms."""
        return [*self[Outcome.SURVIVED], *self[Outcome.FALSE_ALARM]]

    @property
    def kinds(self) -> set[str]:
        """The kinds of faults that were effective somewhere."""
        return {c.fault for c in (*self[Outcome.KILLED], *self[Outcome.SURVIVED])}

    def idle_kinds(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that were neither effective nor accepted anywhere, and so prove nothing."""
        seen = self.kinds | {c.fault for c in (*self[Outcome.ACCEPTED], *self[Outcome.FALSE_ALARM])}
        return [n for n in names if n not in seen]

    def line(self) -> str:
        """The kill rate in one sentence."""
        killed = len(self[Outcome.KILLED])
        effective = len(self[Outcome.KILLED]) + len(self[Outcome.SURVIVED])
        harmless = len(self[Outcome.ACCEPTED])
        alarms = len(self[Outcome.FALSE_ALARM])
        counts = Counter(c.outcome.value for c in self.cases)
        rest = ", ".join(f"{counts[o.value]} {o.value}" for o in _REST if counts[o.value])
        return (
            f"{killed} of {effective} effective faults killed ({killed / max(effective, 1):.2%}), "
            f"{len(self.kinds)} kinds; {harmless} harmless edits accepted, {alarms} false alarms"
            + f"; {rest}"
            * bool(rest)
        )


_REST = (Outcome.NOISE, Outcome.IDLE, Outcome.HEALED, Outcome.UNWRITTEN)


def outcome_of(harmless: bool, change: float, rejected: bool) -> Outcome:
    """How a verdict on a change of this size is counted."""
    if harmless:
        return Outcome.FALSE_ALARM if rejected else Outcome.ACCEPTED
    if change <= ROUNDING:
        return Outcome.FALSE_ALARM if rejected else Outcome.IDLE
    if change <= EFFECTIVE:
        return Outcome.NOISE
    return Outcome.KILLED if rejected else Outcome.SURVIVED
