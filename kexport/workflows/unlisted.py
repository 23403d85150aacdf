"""Finds artifacts in a folder that no manifest lists: a build step would ship them unchecked."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from kexport.verify.status import Status, Verdict
from kexport.workflows.files import files_of
from kexport.workflows.inspecting import artifact_target
from kexport.workflows.manifest import read_manifest
from kexport.workflows.publishing import QUARANTINE
from kexport.workflows.report import ArtifactReport, ExportReport


def with_unlisted(report: ExportReport, folder: Path) -> ExportReport:
    """Add a failed artifact to the report for each unlisted one."""
    return dataclasses.replace(report, artifacts=(*report.artifacts, *map(_report, unlisted(folder))))


def unlisted(folder: Path) -> list[Path]:
    """Return what looks like an artifact, in a folder or its quarantine, but belongs to no model."""
    artifacts = [a for model in read_manifest(folder).values() for a in model.artifacts.values()]
    listed = {folder / part for artifact in artifacts for part in artifact.parts}
    places = [*folder.iterdir(), *(folder / QUARANTINE).glob("*")]
    return sorted(p for p in places if p not in listed and not p.name.startswith(".") and artifact_target(p))


def _report(path: Path) -> ArtifactReport:
    target = artifact_target(path)
    name = target.name if target else ""
    reason = f"not in the manifest: {path.name}; remove it, or export it again"
    verdict = Verdict(path.name, name, "", None, "", "", Status.FAILED, reason)
    size = sum(f.stat().st_size for f in files_of(path))
    return ArtifactReport(name, str(path), size, Status.FAILED.value, 0.0, (verdict,))
