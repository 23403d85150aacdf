"""What is required of artifacts, and what falls short of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import kexport
from kexport.errors import ConfigError
from kexport.verify.status import Status
from kexport.workflows import ArtifactReport, ExportReport, verify
from kexport.workflows.requirement import Requirement, read_requirements, with_requirements
from tests.workflows.made import CONTRACT


def report(**statuses: str) -> ExportReport:
    artifacts = tuple(
        ArtifactReport.refused(target, "no such op")
        if status == "refused"
        else ArtifactReport(target, f"m.{target}", 1, status, 0.0)
        for target, status in statuses.items()
    )
    return ExportReport("m", CONTRACT, artifacts)


@pytest.mark.parametrize(
    ("required", "statuses", "expected"),
    [
        ("verified", {"onnx": "verified"}, []),
        ("verified", {"onnx": "simulated"}, ["onnx is simulated, not verified"]),
        ("simulated", {"onnx": "verified", "coreml": "simulated", "tfjs": "valid"}, ["tfjs is valid, not simulated"]),
        ("valid", {"onnx": "valid", "tfjs": "emitted"}, ["tfjs is emitted, not valid"]),
        (
            "valid",
            {"onnx": "failed", "tfjs": "refused"},
            ["onnx is failed, not valid", "tfjs is refused, not valid: no such op"],
        ),
        ("verified:onnx", {"onnx": "verified", "tfjs": "valid"}, []),
        (["verified:onnx", "valid"], {"onnx": "valid", "tfjs": "valid"}, ["onnx is valid, not verified"]),
        (
            "simulated: coreml, tfjs",
            {"onnx": "valid", "coreml": "valid", "tfjs": "verified"},
            ["coreml is valid, not simulated"],
        ),
        (
            "verified:onyx",
            {"onnx": "verified"},
            ["onyx is not here, not to speak of verified; did you mean 'onnx'? artifacts are for: onnx"],
        ),
        ((), {"onnx": "emitted"}, []),
    ],
)
def test_what_falls_short_is_named_and_why(required: Any, statuses: dict[str, str], expected: list[str]) -> None:
    found = with_requirements(report(**statuses), read_requirements(required))
    assert list(found.shortfalls) == [f"required: {line}" for line in expected]
    assert found.notes == found.shortfalls
    if expected:
        assert found.exit_code == 1
        assert ExportReport.from_json(found.to_json()).shortfalls == found.shortfalls


def test_every_status_has_its_place() -> None:
    """Whatever is added to the ladder below `simulated` does not reach it."""
    requirement = Requirement(Status.SIMULATED)
    found = {s.value: with_requirements(report(x=s.value), [requirement]).shortfalls for s in Status}
    assert [status for status, lines in found.items() if not lines] == ["simulated", "verified"]


@pytest.mark.parametrize("text", ["", "good", "verified:", "failed", "emitted:onnx", ":onnx", "Verified"])
def test_what_cannot_be_required(text: str) -> None:
    with pytest.raises(ConfigError, match="is nothing that can be required"):
        read_requirements([text])


def test_a_verify_that_falls_short_is_not_ok(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dist = shutil.copytree(exported, tmp_path / "dist")
    assert verify(dist, require="verified:onnx").ok
    found = verify(dist, require=["verified:onnx", "simulated:tfjs"])
    assert (found.exit_code, len(found.shortfalls)) == (1, 1)
    with pytest.raises(ConfigError):
        verify(dist, require="perfect")


def test_an_export_that_is_not_verified_falls_short(model: Any, tmp_path: Path) -> None:
    found = kexport.export(model, to=["onnx"], out=tmp_path, verify=False, require="verified")
    assert found.shortfalls == ("required: onnx is valid, not verified",)
    assert found.exit_code == 1
    assert (tmp_path / "small.onnx").exists()
