"""From a model to verified artifacts, and from artifacts to verdicts."""

from kexport.project.bench import bench
from kexport.project.bench_file import BenchReport
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
    "BenchReport",
    "ExportReport",
    "ModelSummary",
    "artifact_target",
    "bench",
    "export",
    "inspect_artifact",
    "inspect_model",
    "record_reference",
    "verify",
]
