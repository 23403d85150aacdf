"""From a model to verified artifacts, and from artifacts to verdicts."""

from kexport.project.export import export
from kexport.project.inspect import (
    ArtifactSummary,
    ModelSummary,
    artifact_target,
    inspect_artifact,
    inspect_model,
)
from kexport.project.recording import record_reference
from kexport.project.report import ArtifactReport, ExportReport
from kexport.project.verify import verify

__all__ = [
    "ArtifactReport",
    "ArtifactSummary",
    "ExportReport",
    "ModelSummary",
    "artifact_target",
    "export",
    "inspect_artifact",
    "inspect_model",
    "record_reference",
    "verify",
]
