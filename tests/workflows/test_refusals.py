"""A target that refuses a model stands in no other's way, unless the user wants all or nothing."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import kexport
from kexport.errors import ConfigError, EmitError, KexportError, UnsupportedError
from kexport.target import Target, find_target
from kexport.workflows import ExportReport
from kexport.workflows.manifest import read_manifest

SCHEMA: dict[str, Any] = json.loads((files("kexport.verify") / "report.schema.json").read_text(encoding="utf-8"))
OPEN_LABELS = {"coreml": {"labels": "a|b|c|d|e|f|g|h|i|j", "scores": "digit"}}
"""An option that Core ML takes for a batch of one sample only."""


def refuse(monkeypatch: pytest.MonkeyPatch, target: str, stage: str, error: Exception) -> None:
    """Let a target raise an error at one of its stages."""

    def fail(self: Target, *arguments: Any) -> None:
        raise error

    monkeypatch.setattr(type(find_target(target)), stage, fail)


def test_the_others_are_written_and_the_refusal_is_said(model: Any, tmp_path: Path) -> None:
    report = kexport.export(model, to=["onnx", "coreml"], out=tmp_path, options=OPEN_LABELS)
    assert [(a.target, a.status) for a in report.artifacts] == [("onnx", "verified"), ("coreml", "refused")]
    refused = report.artifacts[1]
    assert "coreml.labels" in refused.reason
    assert "-O coreml.sizes=batch=1" in refused.reason
    assert (refused.path, refused.size) == ("", 0)
    assert report.exit_code == 1
    assert sorted(read_manifest(tmp_path)["small"].artifacts) == ["onnx"]
    assert not (tmp_path / "small.mlpackage").exists()
    document = json.loads(json.dumps(report.to_json(), allow_nan=False))
    jsonschema.validate(document, SCHEMA)
    assert ExportReport.from_json(document).artifacts[1] == refused


def test_the_hint_of_a_refusal_works(model: Any, tmp_path: Path) -> None:
    options = {"coreml": OPEN_LABELS["coreml"] | {"sizes": "batch=1"}}
    report = kexport.export(model, to=["coreml"], out=tmp_path, options=options, verify=False)
    assert [a.status for a in report.artifacts] == ["valid"]


@pytest.mark.parametrize("stage", ["legalize", "spans", "adapt", "write", "validate"])
def test_a_target_may_refuse_at_any_stage(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    refuse(monkeypatch, "tflite", stage, EmitError("not this one", where="conv", hint="leave it out"))
    report = kexport.export(model, to=["tflite", "onnx"], out=tmp_path)
    assert [(a.target, a.status) for a in report.artifacts] == [("onnx", "verified"), ("tflite", "refused")]
    assert report.artifacts[1].reason == "conv: not this one\n  hint: leave it out"
    assert not list(tmp_path.glob("*.tflite"))


@pytest.mark.parametrize("stage", ["legalize", "write"])
@pytest.mark.parametrize(("targets", "strict"), [(["tflite"], False), (["onnx", "tflite"], True)])
def test_nothing_is_written_if_all_refuse_or_one_is_too_much(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, targets: list[str], strict: bool
) -> None:
    refuse(monkeypatch, "tflite", stage, EmitError("not this one"))
    with pytest.raises(EmitError, match="tflite: not this one") as caught:
        kexport.export(model, to=targets, out=tmp_path / "dist", strict=strict)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "dist").exists()


def test_refusals_of_all_targets_are_told_together(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "tflite", "legalize", ConfigError("not this way", hint="another way"))
    refuse(monkeypatch, "onnx", "write", EmitError("not this one"))
    with pytest.raises(KexportError, match="every target refuses the model") as caught:
        kexport.export(model, to=["tflite", "onnx"], out=tmp_path / "dist")
    assert "tflite: not this way\n  hint: another way" in caught.value.what
    assert "onnx: not this one" in caught.value.what
    assert caught.value.exit_code == 2
    assert not (tmp_path / "dist").exists()


def test_what_no_target_can_do_is_listed_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kexport.errors import Unsupported
    from tests.workflows.conftest import small_cnn

    for target in ("onnx", "tflite"):
        refuse(monkeypatch, target, "legalize", UnsupportedError([Unsupported("pool", "max_pool", "no emitter")]))
    with pytest.raises(UnsupportedError) as caught:
        kexport.export(small_cnn(), to=["onnx", "tflite"], out=tmp_path / "dist")
    assert [i.op for i in caught.value.items] == ["max_pool on onnx", "max_pool on tflite"]


def test_an_older_artifact_of_a_target_that_refuses_now_goes_with_its_model(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.workflows.conftest import small_cnn

    dist = shutil.copytree(exported, tmp_path / "dist")
    other = small_cnn()
    other.get_layer("score").bias.assign([3.0])
    refuse(monkeypatch, "onnx", "legalize", EmitError("not this one"))
    assert not kexport.export(other, to=["onnx", "tflite"], out=dist, verify=False).ok
    assert not (dist / "small.onnx").exists()


def test_a_bug_is_no_refusal(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "tflite", "write", RuntimeError("a bug"))
    with pytest.raises(RuntimeError):
        kexport.export(model, to=["tflite", "onnx"], out=tmp_path / "dist")
    assert not (tmp_path / "dist" / "small.onnx").exists()


def test_a_refusal_is_an_error_in_junit(tmp_path: Path) -> None:
    from kexport.cli.junit import write_junit
    from tests.workflows.test_requirement import report

    write_junit(report(tfjs="refused", onnx="valid"), tmp_path / "r.xml")
    text = (tmp_path / "r.xml").read_text()
    assert "refused: no such op" in text
    assert text.count("<testsuite ") == 1


def test_a_refusal_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    from kexport.cli.render import print_report
    from tests.workflows.test_requirement import report

    print_report(report(tfjs="refused", onnx="valid"))
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith("tfjs ")).split()[:4] == ["tfjs", "-", "-", "refused"]
    assert "tfjs: no such op" in lines
    assert lines[-1] == "m: 1 refused, 1 valid"
