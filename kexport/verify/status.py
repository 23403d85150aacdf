"""Verdicts on artifacts, and the ladder of statuses."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kexport.evidence.plain import plain, special
from kexport.verify.judge import OutputCheck


class Status(enum.Enum):
    """What is known about an artifact, from bad to good; comparable with < and >."""

    FAILED = "failed"
    EMITTED = "emitted"
    """Written, but not read back."""
    VALID = "valid"
    """The format's own checker accepts it, and it keeps the contract."""
    UNJUDGED = "unjudged"
    """It was run, but its results say nothing for or against it."""
    SIMULATED = "simulated"
    """Something other than the format's engine computed the right numbers from the file."""
    VERIFIED = "verified"
    """The format's real engine computed the right numbers."""

    def __lt__(self, other: Status) -> bool:
        return _LADDER.index(self) < _LADDER.index(other)

    def __gt__(self, other: Status) -> bool:
        return other < self


_LADDER = list(Status)


@dataclass(frozen=True)
class Verdict:
    """The findings of one runtime about one artifact."""

    artifact: str
    """The artifact's file name, without its folder."""
    target: str
    runtime: str
    version: str | None
    host: str
    device: str
    status: Status
    reason: str
    outputs: tuple[OutputCheck, ...] = ()
    batches: tuple[Mapping[str, Any], ...] = ()
    """Name, kind, sizes and seed of every batch that was run."""
    seconds: Mapping[str, float] | None = None
    """`load`, `first` and `best` run; None if nothing was run."""
    peak_bytes: int = 0
    """Peak memory of the runtime's process."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return plain(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Verdict:
        """The inverse of `to_json`; the times of its run may be missing."""
        seconds = data.get("seconds") and {k: special(v) for k, v in data["seconds"].items()}
        return Verdict(
            **dict(data)
            | {
                "status": Status(data["status"]),
                "outputs": tuple(OutputCheck.from_json(c) for c in data["outputs"]),
                "batches": tuple(data["batches"]),
                "seconds": seconds,
            }
        )

    @property
    def worst(self) -> OutputCheck | None:
        """The check that failed worst, or else the judged one nearest to its tolerance."""
        judged = [c for c in self.outputs if c.passed is not None]
        return max(judged, key=lambda c: (not c.passed, _closeness(c)), default=None)


def overall_status(verdicts: Iterable[Verdict]) -> Status:
    """Return an artifact's status: failed if any runtime failed, else the best of any; emitted without a verdict."""
    found = [v.status for v in verdicts]
    return Status.FAILED if Status.FAILED in found else max(found, default=Status.EMITTED, key=_LADDER.index)


def worst_verdict(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the verdict that decides the status: among those with it, the one nearest to its tolerances."""
    status = overall_status(verdicts)
    deciding = [v for v in verdicts if v.status is status]
    return max(deciding, key=lambda v: _closeness(v.worst) if v.worst else 0.0, default=None)


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """Return the exit code: 1 if any verdict is `failed`, or if there is none at all."""
    return int(not verdicts or any(v.status is Status.FAILED for v in verdicts))


def _closeness(check: OutputCheck) -> float:
    return check.metrics.max_abs / check.tolerance.atol if check.tolerance.atol else check.metrics.max_abs
