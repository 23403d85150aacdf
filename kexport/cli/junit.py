"""Writes the verdicts of a report to the file of --junit."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def _refused(artifact: Any) -> list[Any]:
    """Return a verdict for a target that refused the model; none if there is an artifact that was not run."""
    from kexport.verify.status import Status, Verdict

    if not artifact.path:
        return [Verdict("", artifact.target, "", None, "", "", Status.FAILED, f"refused: {artifact.reason}")]
    return []


def write_junit(report: Any, path: Path) -> None:
    """Write an ExportReport as JUnit XML, making parent folders."""
    from kexport.proof.junit import junit_xml

    verdicts = [v for artifact in report.artifacts for v in artifact.verdicts or _refused(artifact)]
    text = junit_xml(report.name, verdicts, [p.name for p in report.contract.outputs])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
