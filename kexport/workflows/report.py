"""The reports of export and verify: one per model, with a line per artifact."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kexport.ir.contract import Contract
from kexport.verify.status import Status, Verdict, overall_status, worst_verdict

REFUSED = "refused"
"""The status of a refused artifact."""


@dataclass(frozen=True)
class ArtifactReport:
    """One artifact: its path, its size in bytes, and the verdict of the worst runtime.

    `max_error` is the largest absolute error to the Keras run over all outputs and batches, `snr` the lowest
    signal-to-noise ratio in dB, `argmax` the lowest share of rows whose largest element agrees (None where it does
    not apply), `seconds` the time to make the artifact.
    """

    target: str
    path: str
    size: int
    status: str
    seconds: float
    verdicts: tuple[Verdict, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the artifact states about itself, such as the oldest engine that runs it."""
    refusal: str = ""
    """Why there is no artifact, where the target refused the model."""

    @staticmethod
    def refused(target: str, why: str) -> ArtifactReport:
        """Make the report on a target that refused the model."""
        return ArtifactReport(target, "", 0, REFUSED, 0.0, refusal=why)

    @property
    def worst(self) -> Verdict | None:
        """The verdict that decides the status."""
        return worst_verdict(self.verdicts)

    @property
    def runtime(self) -> str:
        return self.worst.runtime if self.worst else ""

    @property
    def version(self) -> str:
        return (self.worst.version or "") if self.worst else ""

    @property
    def reason(self) -> str:
        return self.refusal or (self.worst.reason if self.worst else "")

    @property
    def max_error(self) -> float | None:
        return _extreme(max, [m.max_abs for m in self._metrics()])

    @property
    def snr(self) -> float | None:
        return _extreme(min, [m.snr_db for m in self._metrics()])

    @property
    def argmax(self) -> float | None:
        return _extreme(min, [m.argmax_agreement for m in self._metrics()])

    def _metrics(self) -> list[Any]:
        return [o.metrics for v in self.verdicts for o in v.outputs if o.metrics is not None]

    def to_json(self) -> dict[str, Any]:
        """A JSON object; infinite ratios become null."""
        numbers = {"max_error": self.max_error, "snr": self.snr, "argmax": self.argmax}
        return {
            "target": self.target,
            "path": self.path,
            "size": self.size,
            "status": self.status,
            "runtime": self.runtime,
            "version": self.version,
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
            "facts": dict(self.facts),
            **{k: v if v is not None and math.isfinite(v) else None for k, v in numbers.items()},
            "verdicts": [v.to_json() for v in self.verdicts],
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ArtifactReport:
        """The inverse of `to_json`; fields that summarize the verdicts are derived from them."""
        fields = (str(data["target"]), str(data["path"]), int(data["size"]))
        verdicts = tuple(Verdict.from_json(v) for v in data["verdicts"])
        if data["status"] == REFUSED:
            return ArtifactReport.refused(str(data["target"]), str(data["reason"]))
        status = overall_status(verdicts).value
        seconds = float(data["seconds"])
        facts = data.get("facts", {})
        return ArtifactReport(*fields, status, seconds, verdicts, facts)


@dataclass(frozen=True)
class ExportReport:
    """All artifacts of one model, and the contract they share."""

    name: str
    contract: Contract
    artifacts: tuple[ArtifactReport, ...] = ()
    notes: tuple[str, ...] = field(default=())
    shortfalls: tuple[str, ...] = field(default=())
    """The unmet requirements, which are among the notes too."""

    @property
    def ok(self) -> bool:
        """Whether no artifact failed its check, no target refused the model, and all requirements are met."""
        bad = (Status.FAILED.value, REFUSED)
        return not self.shortfalls and not any(a.status in bad for a in self.artifacts)

    @property
    def exit_code(self) -> int:
        """0 if all is well, else 1."""
        return 0 if self.ok else 1

    def to_json(self) -> dict[str, Any]:
        """A JSON object: what the command line prints with --json."""
        return {
            "name": self.name,
            "ok": self.ok,
            "contract": self.contract.to_json(),
            "artifacts": [a.to_json() for a in self.artifacts],
            "notes": list(self.notes),
            "shortfalls": list(self.shortfalls),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ExportReport:
        """The inverse of `to_json`."""
        artifacts = tuple(ArtifactReport.from_json(a) for a in data["artifacts"])
        notes, shortfalls = (tuple(map(str, data.get(key, ()))) for key in ("notes", "shortfalls"))
        return ExportReport(str(data["name"]), Contract.from_json(data["contract"]), artifacts, notes, shortfalls)


def _extreme(pick: Any, values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return pick(known) if known else None
