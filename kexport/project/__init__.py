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
from kexport.project.locate import LocateReport, locate
from kexport.project.recording import record_reference
from kexport.project.reduce import ReduceReport, check_reduced, reduce
from kexport.project.report import ArtifactReport, ExportReport
from kexport.project.verify import verify

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
