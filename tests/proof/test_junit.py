"""Verdicts as JUnit XML. Its shape is checked against Jenkins' schema, told in a table below."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from kexport.evidence.reference_file import Reference
from kexport.proof.artifact import Check, check_artifact
from kexport.proof.junit import junit_xml
from kexport.verify.status import Status, Verdict
from tests import toy

OUTPUTS = ("hidden", "probs", "label")
MESSAGE = ((), ("type", "message"), ())
SHAPES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "testsuites": (("testsuite",), ("name", "time", "tests", "failures", "errors"), ()),
    "testsuite": (
        ("testsuite", "properties", "testcase", "system-out", "system-err"),
        ("name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id", "package",
         "file", "log", "url"),
        ("name", "tests", "failures", "errors"),
    ),
    "properties": (("property",), (), ()),
    "property": ((), ("name", "value"), ("name", "value")),
    "testcase": (
        ("skipped", "error", "failure", "rerunFailure", "rerunError", "flakyFailure", "flakyError", "system-out",
         "system-err"),
        ("name", "time", "classname", "group"),
        ("name",),
    ),
    "failure": MESSAGE,
    "error": MESSAGE,
    "skipped": MESSAGE,
}  # fmt: skip
"""Element -> (children, attributes, required attributes), as in junit-10.xsd of Jenkins' xunit plugin."""
TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")


def check_shape(element: Element) -> None:
    children, attributes, required = SHAPES[element.tag]
    assert set(required) <= set(element.keys()) <= set(attributes), element.tag
    assert TIME.fullmatch(element.get("time", "0"))
    for child in element:
        assert child.tag in children, (element.tag, child.tag)
        check_shape(child)


def document(verdicts: list[Verdict]) -> Element:
    root = ElementTree.fromstring(junit_xml("toy", verdicts, OUTPUTS).encode())
    check_shape(root)
    for suite in root:
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        for plural, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(plural) == str(sum(len(c.findall(tag)) for c in cases))
    assert root.get("tests") == str(sum(len(s.findall("testcase")) for s in root))
    return root


def verdicts(artifact: Path, reference: Reference, *runtimes: str) -> list[Verdict]:
    return check_artifact(artifact, toy.TARGET, reference, Check(runtimes=runtimes, target=toy.SPEC, timeout=30))


def outcomes(suite: Element) -> dict[str, str]:
    return {str(c.get("name")): c[0].tag if len(c) else "passed" for c in suite.findall("testcase")}


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        ("good", {"hidden": "passed", "probs": "passed", "label": "passed"}),
        ("swap", {"hidden": "failure", "probs": "passed", "label": "passed"}),
        ("partial", {"hidden": "failure", "probs": "passed", "label": "failure"}),
        ("raise", {"hidden": "error", "probs": "error", "label": "error"}),
        ("segfault", {"hidden": "error", "probs": "error", "label": "error"}),
        ("absent", {"hidden": "skipped", "probs": "skipped", "label": "skipped"}),
        ("decline", {"hidden": "skipped", "probs": "skipped", "label": "skipped"}),
    ],
)
def test_one_case_for_each_output(artifact: Path, reference: Reference, runtime: str, expected: dict[str, str]) -> None:
    (suite,) = document(verdicts(artifact, reference, runtime))
    assert outcomes(suite) == expected
    assert suite.get("name") == f"{artifact.name} {runtime}"
    assert {c.get("classname") for c in suite.findall("testcase")} == {f"toy/{artifact.name}/{runtime}"}


def test_one_suite_for_each_runtime(artifact: Path, reference: Reference) -> None:
    root = document(verdicts(artifact, reference, "good", "nan"))
    assert [s.get("name") for s in root] == [f"{artifact.name} good", f"{artifact.name} nan"]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("6", "1", "0")
    (failure,) = root.iter("failure")
    assert "NaN or infinite on one side only" in str(failure.get("message"))
    assert str(failure.text).count("batch ") == 4
    facts = {p.get("name"): p.get("value") for p in root[1].iter("property")}
    assert facts["status"] == "failed"
    assert facts["version"] == "1.2.3"


def test_a_file_that_was_not_run_at_all_is_an_error_of_every_output() -> None:
    damaged = Verdict("m.onnx", "onnx", "", None, "", "", Status.FAILED, "damaged: m.onnx is missing")
    (suite,) = document([damaged])
    assert outcomes(suite) == dict.fromkeys(OUTPUTS, "error")
    assert suite.get("name") == "m.onnx"
    assert {c.get("classname") for c in suite.findall("testcase")} == {"onnx/m.onnx"}


def test_what_xml_cannot_hold_is_replaced() -> None:
    odd = Verdict("m", "t", "r", None, "", "", Status.FAILED, "crashed: \x1b[31m<oh> & \ud800\x00 no")
    text = junit_xml("m", [odd], ["y"])
    assert "crashed: \ufffd[31m&lt;oh&gt; &amp; \ufffd\ufffd no" in text
    document([odd])


def test_no_artifacts_no_cases() -> None:
    assert document([]).get("tests") == "0"
