"""Verdicts as JUnit XML, which CI services show: a test case per artifact, runtime and output.

There is no one definition of the format; this keeps to the schema that Jenkins' xunit plugin has for it (junit-10.xsd).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from kexport.printable import printable
from kexport.verify.status import Status, Verdict

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, and engines may well print."""
_TIMED = ("load", "first")


def junit_xml(name: str, verdicts: Sequence[Verdict], outputs: Sequence[str]) -> str:
    """The document on one model.

    A wrong output is a failure. Where an artifact could not be read or run, or a verdict failed for no single output,
    each of its outputs is an error. Where it was not run, as its runtime is not there, or where nothing is known after
    all, each is skipped.

    Args:
        name: the model's.
        verdicts: on all its artifacts.
        outputs: names of the model's outputs, in order.
    """
    suites = [_suite(verdict, outputs) for verdict in verdicts]
    root = ElementTree.Element("testsuites", {"name": _text(name), **_totals(suites, "tests", "failures", "errors")})
    root.extend(suites)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, "unicode")}\n'


def _suite(verdict: Verdict, outputs: Sequence[str]) -> ElementTree.Element:
    seconds = sum((verdict.seconds or {}).get(k, 0.0) for k in _TIMED)
    cases = [_case(verdict, output) for output in outputs]
    kinds = [case[0].tag if len(case) else "passed" for case in cases]
    counts = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    head = {"name": _text(f"{verdict.artifact} {verdict.runtime}".strip()), "hostname": _text(verdict.host)}
    numbers = {"time": f"{seconds:.3f}", "tests": str(len(cases))} | {k: str(kinds.count(v)) for k, v in counts.items()}
    suite = ElementTree.Element("testsuite", head | numbers)
    properties = ElementTree.SubElement(suite, "properties")
    facts = {
        "target": verdict.target,
        "runtime": verdict.runtime,
        "version": verdict.version or "",
        "device": verdict.device,
        "status": verdict.status.value,
        "reason": verdict.reason,
    }
    for key, value in facts.items():
        ElementTree.SubElement(properties, "property", {"name": key, "value": _text(value)})
    suite.extend(cases)
    return suite


def _case(verdict: Verdict, output: str) -> ElementTree.Element:
    parts = [verdict.target, verdict.artifact, verdict.runtime]
    case = ElementTree.Element("testcase", {"name": _text(output), "classname": _text("/".join(filter(None, parts)))})
    checks = [c for c in verdict.outputs if c.output == output]
    failed = [c for c in checks if c.passed is False]
    lines = "\n".join(f"batch {c.batch!r}: {c.reason}" for c in (failed or checks))
    any_failed = any(c.passed is False for c in verdict.outputs)
    if failed:
        worst = max(failed, key=lambda c: c.metrics.max_relative)
        _add(case, "failure", "WrongOutput", f"batch {worst.batch!r}: {worst.reason}", lines)
    elif verdict.status is Status.FAILED and checks and not any(c.passed for c in checks):
        _add(case, "failure", "NoEvidence", "it was judged on no batch", lines)
    elif verdict.status is Status.FAILED and not any_failed and not _unjudged(verdict):
        _add(case, "error", "NotRun", verdict.reason, lines)
    elif verdict.status is Status.UNJUDGED:
        _add(case, "skipped", "Unjudged", verdict.reason, lines)
    elif not checks:
        _add(case, "skipped", "NotRun", verdict.reason, "")
    return case


def _unjudged(verdict: Verdict) -> bool:
    """Whether some output has checks and none of them is evidence."""
    names = {c.output for c in verdict.outputs}
    return any(not any(c.passed for c in verdict.outputs if c.output == n) for n in names)


def _add(case: ElementTree.Element, kind: str, type_: str, message: str, text: str) -> None:
    ElementTree.SubElement(case, kind, {"type": type_, "message": _text(message)}).text = _text(text) or None


def _totals(suites: Sequence[ElementTree.Element], *names: str) -> dict[str, str]:
    return {name: str(sum(int(suite.get(name, "0")) for suite in suites)) for name in names}


def _text(value: str) -> str:
    return printable(_NOT_XML.sub("\ufffd", value))
