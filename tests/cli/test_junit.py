"""--junit: what CI reads, beside whatever else is printed, with the exit code that makes the build stop."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

import kexport.workflows
from kexport.ir.contract import Contract
from kexport.verify.status import Status, Verdict
from kexport.workflows import ArtifactReport, ExportReport

Run = Callable[..., Any]


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch, contract: Contract) -> Callable[[Status], None]:
    """`verdict(status)` makes `export` and `verify` come to it, without running anything."""

    def arrange(status: Status) -> None:
        found = Verdict("m.onnx", "onnx", "onnxruntime-cpu", "1.0", "Linux", "cpu", status, "because")
        report = ExportReport("m", contract, (ArtifactReport("onnx", "dist/m.onnx", 5, status.value, 0.0, (found,)),))
        for name in ("export", "verify"):
            monkeypatch.setattr(kexport.workflows, name, lambda *args, **extra: report)

    return arrange


@pytest.mark.parametrize("command", ["export", "verify"])
@pytest.mark.parametrize(("status", "tag", "code"), [(Status.FAILED, "error", 1), (Status.VALID, "skipped", 0)])
def test_the_verdict_in_the_file_and_in_the_exit_code(
    run: Run, verdict: Callable[[Status], None], tmp_path: Path, command: str, status: Status, tag: str, code: int
) -> None:
    verdict(status)
    file = tmp_path / "results" / "junit.xml"
    result = run(command, "m", "--junit", str(file))
    assert result.exit_code == code, result.output
    (case,) = ElementTree.parse(file).iter("testcase")
    assert (case.get("name"), case.get("classname")) == ("probs", "onnx/m.onnx/onnxruntime-cpu")
    assert case[0].tag == tag
    assert case[0].get("message") == "because"


def test_together_with_json_and_quiet(run: Run, verdict: Callable[[Status], None], tmp_path: Path) -> None:
    verdict(Status.FAILED)
    result = run("verify", "dist", "--json", "--quiet", "--junit", str(tmp_path / "j.xml"))
    assert result.exit_code == 1
    schema = json.loads((files("kexport.verify") / "report.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(result.stdout), schema)
    assert (tmp_path / "j.xml").read_text(encoding="utf-8").startswith('<?xml version="1.0" encoding="UTF-8"?>\n')


def test_a_file_that_cannot_be_written(run: Run, verdict: Callable[[Status], None], tmp_path: Path) -> None:
    verdict(Status.VALID)
    result = run("verify", "dist", "--junit", str(tmp_path))
    assert result.exit_code == 2
    assert str(tmp_path) in result.stderr.replace("\n", "")


def test_not_with_locate(run: Run, tmp_path: Path) -> None:
    result = run("verify", "dist", "--locate", "--junit", str(tmp_path / "j.xml"))
    assert result.exit_code == 3
    assert "--junit is for verdicts, which --locate does not give" in result.stderr.replace("\n", " ")
    assert not (tmp_path / "j.xml").exists()
