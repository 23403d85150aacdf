"""From a model to verified artifacts, and from artifacts to verdicts."""

from kexport.workflows.bench_file import BenchReport
from kexport.workflows.benching import bench
from kexport.workflows.exporting import export
from kexport.workflows.inspecting import (
    ArtifactSummary,
    ModelSummary,
    artifact_target,
    inspect_artifact,
    inspect_model,
)
from kexport.workflows.locating import LocateReport, locate
from kexport.workflows.recording import record_reference
from kexport.workflows.reducing import ReduceReport, check_reduced, reduce
from kexport.workflows.report import ArtifactReport, ExportReport
from kexport.workflows.verifying import verify

__all__ = [
    "ArtifactReport",
    "ArtifactSummary",
    "BenchReport",
    "ExportReport",
    "LocateReport",
    "ModelSummary",
    "ReduceReport",
    "artifact_target",
    "bench",
    "check_reduced",
    "export",
    "inspect_artifact",
    "inspect_model",
    "locate",
    "record_reference",
    "reduce",
    "verify",
]
