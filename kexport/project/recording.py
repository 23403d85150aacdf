"""References: made while exporting, or recorded on a chosen backend and device for later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kexport
from kexport.project.progress import Progress
from kexport.verify.record import plan_batches, record
from kexport.verify.reference_file import Environment, Reference
from kexport.verify.samples import load_samples

if TYPE_CHECKING:
    from kexport.capture.capture import Captured


@dataclass(frozen=True)
class Recorded:
    """What was recorded: the file, where Keras ran, and how many batches."""

    path: str
    environment: Environment
    batches: int

    @property
    def summary(self) -> str:
        """One sentence."""
        e = self.environment
        versions = ", ".join(f"{k} {v}" for k, v in e.versions.items())
        return f"{self.batches} batches on {e.backend} {e.device} {e.device_name}".rstrip() + f" ({versions})"

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        from kexport.verify.plain import plain

        return {"path": self.path, "batches": self.batches, "environment": plain(self.environment)}


def make_reference(captured: Captured, samples: str | Path | None, tell: Progress) -> Reference:
    """Run the loaded model here, on generated batches and the user's samples.

    Raises:
        VerifyError: the model runs on none of the sizes tried, or answers otherwise than its graph.
    """
    from kexport.capture.fingerprint import fingerprint

    tell("reference", captured.source.name, None)
    batches, _ = plan_batches(captured.contract, captured.graph, captured.source.run)
    if samples is not None:
        batches += load_samples(Path(samples), captured.contract)
    environment = Environment("tensorflow", versions=_versions(), model=fingerprint(captured.source))
    return record(captured.contract, captured.graph, batches, captured.source.run, environment)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {"kexport": kexport.__version__} | {p: version(p) for p in ("keras", "numpy", "tensorflow")}
