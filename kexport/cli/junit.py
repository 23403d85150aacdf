"""Writes the verdicts of a report where --junit says."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def _refused(artifact: Any) -> list[Any]:
    """A verdict for a target that made nothing of the model; none where there is an artifact, which was not run."""
    from kexport.verify.status import Status, Verdict

    if not artifact.path:
        return [Verdict("", artifact.target, "", None, "", "", Status.FAILED, f"refused: {artifact.reason}")]
    return []


def write_junit(report: Any, path: Path) -> None:
    """Write an ExportReport as JUnit XML; folders on the way are made."""
    from kexport.proof.junit import junit_xml

    verdicts = [v for artifact in report.artifacts for v in artifact.verdicts or _refused(artifact)]
    text = junit_xml(report.name, verdicts, [p.name for p in report.contract.outputs])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
