"""verify: what was exported is checked again, and any change that matters is noticed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kexport.errors import ConfigError, KexportError, VerifyError
from kexport.workflows import verify
from kexport.workflows.manifest import FILE

REFERENCE = "small.reference.safetensors"


@pytest.fixture
def dist(exported: Path, tmp_path: Path) -> Path:
    """A copy of the exported folder, free to be damaged."""
    return shutil.copytree(exported, tmp_path / "dist")


def test_an_untouched_folder_is_verified_again(dist: Path) -> None:
    report = verify(dist)
    assert report.ok
    assert [a.status for a in report.artifacts] == ["verified"]


def test_one_artifact_can_be_named(dist: Path) -> None:
    assert verify(dist / "small.onnx").ok


def test_runtimes_can_be_named(dist: Path) -> None:
    report = verify(dist, runtimes=["onnxruntime-cpu"])
    assert [v.runtime for a in report.artifacts for v in a.verdicts] == ["onnxruntime-cpu"]
    with pytest.raises(ConfigError, match="none of these artifacts has a runtime 'onnxruntime'") as caught:
        verify(dist, runtimes=["onnxruntime"])
    assert "onnxruntime-cpu" in str(caught.value.hint)


def test_a_check_that_ran_nothing_proves_nothing(dist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kexport.target import find_target

    for runtime in find_target("onnx").runtimes():
        monkeypatch.setattr(type(runtime), "version", lambda self: None)
    with pytest.raises(VerifyError, match=r"nothing was run: small.onnx: not run: .* is not installed") as caught:
        verify(dist)
    assert caught.value.exit_code == 1
    assert caught.value.hint == "pip install onnxruntime"


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.97])
def test_any_changed_byte_of_an_artifact_is_noticed(dist: Path, place: float) -> None:
    _flip(dist / "small.onnx", place)
    report = verify(dist)
    assert report.exit_code == 1
    assert "was changed" in report.artifacts[0].reason


def test_a_truncated_artifact_is_noticed(dist: Path) -> None:
    path = dist / "small.onnx"
    path.write_bytes(path.read_bytes()[:-10])
    assert "bytes, the manifest says" in verify(dist).artifacts[0].reason


def test_a_missing_artifact_is_noticed(dist: Path) -> None:
    (dist / "small.onnx").unlink()
    report = verify(dist)
    assert report.exit_code == 1
    assert "small.onnx is missing" in report.artifacts[0].reason


def test_wrong_weights_are_noticed_even_if_the_manifest_agrees(dist: Path) -> None:
    import onnx
    from onnx import numpy_helper

    path = dist / "small.onnx"
    proto = onnx.load(path)
    weight = next(i for i in proto.graph.initializer if len(i.dims) == 4)
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * 1.001, weight.name))
    onnx.save(proto, path)
    _rewrite_manifest_hashes(dist)
    report = verify(dist)
    assert report.exit_code == 1
    assert report.artifacts[0].status == "failed"
    assert "output 'digit'" in report.artifacts[0].reason or "output 'score'" in report.artifacts[0].reason


def test_renamed_outputs_break_the_contract_even_if_the_manifest_agrees(dist: Path) -> None:
    import onnx

    path = dist / "small.onnx"
    proto = onnx.load(path)
    for node in proto.graph.node:
        for i, name in enumerate(node.output):
            node.output[i] = {"digit": "score", "score": "digit"}.get(name, name)
    outputs = {o.name: o for o in proto.graph.output}
    outputs["digit"].name, outputs["score"].name = "score", "digit"
    onnx.save(proto, path)
    _rewrite_manifest_hashes(dist)
    (artifact,) = verify(dist).artifacts
    assert artifact.status == "failed"
    assert "contract" in artifact.reason


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: _flip(d / REFERENCE, 0.5), "was changed"),
        (lambda d: (d / REFERENCE).unlink(), "is missing"),
        (lambda d: (d / FILE).write_text("{"), "the manifest is damaged"),
        (lambda d: (d / FILE).write_text('{"schema": 99, "models": {}}'), "manifest has schema 99"),
        (lambda d: (d / FILE).unlink(), f"there is no {FILE} here"),
    ],
)
def test_damage_beside_the_artifacts_is_an_error(dist: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(dist)
    with pytest.raises((VerifyError, ConfigError), match=message):
        verify(dist)


def test_a_reference_of_another_model_is_refused(dist: Path, tmp_path: Path) -> None:
    data = json.loads((dist / FILE).read_text())
    data["models"]["small"]["fingerprint"] = "0" * 64
    (dist / FILE).write_text(json.dumps(data))
    with pytest.raises(KexportError, match="of another model"):
        verify(dist, reference=dist / REFERENCE)


def test_a_run_on_another_backend_is_completed_from_the_folder(dist: Path, model: Any, tmp_path: Path) -> None:
    from kexport.workflows import record_reference

    record_reference(model, tmp_path / "again.safetensors")
    report = verify(dist, reference=tmp_path / "again.safetensors")
    assert report.ok
    assert report.artifacts[0].status == "verified"
    assert report.artifacts[0].verdicts[0].batches


def test_a_run_on_other_inputs_cannot_be_completed(dist: Path, model: Any, tmp_path: Path) -> None:
    from kexport.evidence.reference_file import save_reference
    from kexport.reference.run import run_reference

    save_reference(run_reference(model, seeds=(91,)), tmp_path / "other.safetensors")
    with pytest.raises(VerifyError, match="its inputs are others"):
        verify(dist, reference=tmp_path / "other.safetensors")


def test_an_unknown_model_names_the_known_ones(dist: Path) -> None:
    with pytest.raises(ConfigError, match="models: small"):
        verify(dist, name="large")


def _flip(path: Path, place: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 0x10
    path.write_bytes(data)


def _rewrite_manifest_hashes(dist: Path) -> None:
    from kexport.workflows.manifest import sha256

    data = json.loads((dist / FILE).read_text())
    for artifact in data["models"]["small"]["artifacts"].values():
        for file in artifact["files"]:
            path = dist / file["path"]
            file.update(size=path.stat().st_size, sha256=sha256(path))
    (dist / FILE).write_text(json.dumps(data))
