"""What another machine sends back is a report, or an error of ours, whatever it is."""

from __future__ import annotations

import json
import random
import subprocess
from typing import Any

import pytest

from kexport.errors import ConfigError, KexportError, VerifyError
from kexport.proof.junit import junit_xml
from kexport.replay.ssh import _MARK, Remote, _read
from kexport.workflows.report import ExportReport
from tests.documents.test_schemas import EXAMPLES
from tests.fuzz.document_files import _changed

REMOTE = Remote.parse("ssh://pi@host")
REPORT = EXAMPLES["report"]


def answered(document: Any) -> ExportReport:
    text = document if isinstance(document, str) else json.dumps(document)
    out = f"hello\n{_MARK} run\n{text}\n{_MARK} 0\n".encode(errors="surrogatepass")
    return _read(REMOTE, subprocess.CompletedProcess([], 0, out, b""))


def test_a_report() -> None:
    assert answered(REPORT).artifacts[0].target == "onnx"


def test_an_error_of_theirs() -> None:
    with pytest.raises(ConfigError, match="no engine"):
        answered({"error": {"kind": "ConfigError", "what": "no engine", "hint": "pip"}})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "without a report"),
        ('{"a":' * 5000, "without a report"),
        ('{"ok": 1e999}', "without a report"),
        ({"error": 1}, "without a report"),
        ({"error": {}}, "without a report"),
        ({}, r"what comes back makes no sense: data must contain"),
        (REPORT | {"name": 1}, r"makes no sense: data\.name must be string"),
        (REPORT | {"notes": "abc"}, r"makes no sense: data\.notes must be array"),
        (REPORT | {"contract": {"inputs": [{"name": "x", "type": "q[1]"}], "outputs": []}}, "not a tensor type"),
    ],
)
def test_what_makes_no_sense(document: Any, message: str) -> None:
    with pytest.raises(VerifyError, match=message) as caught:
        answered(document)
    assert caught.value.where == REMOTE.label


def test_mutants_are_reports_or_errors() -> None:
    refused = 0
    for seed in range(1000):
        try:
            report = answered(_changed(REPORT, random.Random(seed)))
        except KexportError:
            refused += 1
        else:
            verdicts = [v for a in report.artifacts for v in a.verdicts]
            junit_xml(report.name, verdicts, [p.name for p in report.contract.outputs])
            json.dumps(report.to_json(), allow_nan=False)
    assert 500 < refused < 1000
