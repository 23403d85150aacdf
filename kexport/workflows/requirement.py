"""The statuses that a user requires of artifacts, for a release say: `verified`, or `simulated:coreml,tfjs`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kexport.errors import ConfigError
from kexport.names import suggest
from kexport.verify.status import Status
from kexport.workflows.report import REFUSED, ArtifactReport, ExportReport

LEVELS = (Status.VERIFIED, Status.SIMULATED, Status.VALID)
"""The statuses that can be required."""
Required = str | Iterable[str]
"""One requirement or several, as texts."""


@dataclass(frozen=True)
class Requirement:
    """The least status required of the artifacts for some targets; of all if none is named."""

    level: Status
    targets: tuple[str, ...] = ()

    @staticmethod
    def read(text: str) -> Requirement:
        """Parse a requirement: `LEVEL`, or `LEVEL:TARGET,...`.

        Raises:
            ConfigError: the text is not a requirement.
        """
        level, colon, targets = text.partition(":")
        names = tuple(name.strip() for name in targets.split(",") if name.strip())
        found = next((s for s in LEVELS if s.value == level.strip()), None)
        if found is None or (colon and not names):
            hint = suggest(level.strip(), [s.value for s in LEVELS], "levels")
            hint = hint if found is None else f"for example {found.value}:onnx"
            raise ConfigError(f"{text!r} is nothing that can be required", where="--require", hint=hint)
        return Requirement(found, names)

    def shortfalls(self, artifacts: Sequence[ArtifactReport]) -> Iterator[str]:
        """Return which artifacts fall short of it and why, a sentence each."""
        known = [a.target for a in artifacts]
        for name in self.targets:
            if name not in known:
                hint = suggest(name, known, "artifacts are for")
                yield f"required: {name} is not here, not to speak of {self.level.value}; {hint}"
        for artifact in artifacts:
            if (not self.targets or artifact.target in self.targets) and not _reaches(artifact.status, self.level):
                reason = f": {artifact.reason}" if artifact.reason else ""
                yield f"required: {artifact.target} is {artifact.status}, not {self.level.value}{reason}"


def read_requirements(required: Required) -> tuple[Requirement, ...]:
    """Parse requirements.

    Raises:
        ConfigError: a text means none.
    """
    return tuple(Requirement.read(text) for text in ([required] if isinstance(required, str) else required))


def with_requirements(report: ExportReport, requirements: Iterable[Requirement]) -> ExportReport:
    """Add unmet requirements to the report."""
    found = tuple(dict.fromkeys(line for r in requirements for line in r.shortfalls(report.artifacts)))
    return dataclasses.replace(report, notes=(*report.notes, *found), shortfalls=(*report.shortfalls, *found))


def _reaches(status: str, level: Status) -> bool:
    return status != REFUSED and not Status(status) < level
