"""Artifacts made here agree with references that were recorded on another backend, perhaps on another machine."""

from __future__ import annotations

from pathlib import Path

import pytest

import kexport
from kexport.evidence.reference_file import load_reference

FOLDER = Path(__file__).parents[2] / "samples" / "references"
RECORDED = sorted(FOLDER.glob("*.safetensors"))
TARGETS = {"jax": ["onnx", "tflite", "tfjs", "coreml", "savedmodel"], "torch": ["onnx", "tflite"]}


def test_each_model_is_recorded_on_jax_and_on_pytorch() -> None:
    made = {tuple(path.name.split(".")[:2]) for path in RECORDED}
    assert made >= {(model, backend) for model in ("cnn", "lstm", "encoder") for backend in TARGETS}


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: p.stem)
def test_every_artifact_verifies_against_a_recorded_reference(path: Path, tmp_path: Path) -> None:
    from samples.references.models import build

    name, backend, device, _ = path.name.split(".")
    environment = load_reference(path).environment
    assert (environment.backend, environment.device.partition(":")[0]) == (backend, device)
    report = kexport.export(build(name), TARGETS[backend], tmp_path, reference=path)
    for artifact in report.artifacts:
        expected = "simulated" if artifact.target == "coreml" else "verified"
        ran = [v for v in artifact.verdicts if v.status.value == expected]
        assert ran or "npm" in artifact.reason, f"{artifact.target}: {artifact.status}: {artifact.reason}"
        assert artifact.status == (expected if ran else "valid")
