"""A few artifacts in the ONNX Runtime of early 2024; `python -m tests.onnx.old_runtimes` tries all of them."""

from __future__ import annotations

from itertools import chain, islice
from pathlib import Path

import pytest

from tests.onnx.old_runtimes.cases import of_masks, of_nets, of_ops, of_types, write_cases
from tests.onnx.old_runtimes.environment import UnreachableError, environment
from tests.onnx.old_runtimes.judge import Outcome, judge, run_cases

RELEASE = "1.17"
EVERY = 12
"""Of ops and types one in so many is tried."""


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of an environment with the old release."""
    try:
        return environment(RELEASE)
    except UnreachableError as e:
        pytest.skip(str(e))


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"runtime": RELEASE}], ids=["default", "asked"])
def test_artifacts_run_in_an_old_release(options: dict[str, str], python: Path, tmp_path: Path) -> None:
    cases = chain(of_nets(), of_masks(), islice(chain(of_ops(), of_types()), 0, None, EVERY))
    index = write_cases(tmp_path, cases, **options)
    outcome = judge(run_cases(python, tmp_path), index)
    assert not outcome.wrong
    assert outcome.version.startswith(RELEASE)
    assert outcome.right > 100
    if options:
        assert not outcome.newer
        assert all("runs all of it" in e["refused"] for e in index if "refused" in e)


def found(name: str, wrong: str) -> Outcome:
    index = [
        {"name": "a", "runtime": "1.14"},
        {"name": "b", "runtime": "1.20"},
        {"name": "maximum-nan open", "runtime": "1.14"},
    ]
    return judge({"version": "1.17.3", "found": [{"name": name, "wrong": wrong}]}, index)


def test_what_says_that_it_runs_has_to_run() -> None:
    assert found("a", "").right == found("b", "").right == 1
    assert found("a", "refused: no kernel").wrong == {"a": "refused: no kernel"}
    assert found("a", "off by 1").wrong
    assert found("b", "refused: no kernel").newer == 1
    assert found("b", "off by 1").wrong
    assert found("maximum-nan open", "other values").faults == {"maximum-nan open": "Max does not hand on NaN"}
