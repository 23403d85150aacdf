"""Runs every `.kx` case: the text and the numbers before and after, and a second run that changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.text import to_text
from kexport.ir.verifier import verify_graph
from kexport.passes.pipeline import PASSES, run_passes
from kexport.rewrite import Log
from tests.text.kx import FOLDER, Case, expectation, read_cases, update

CASES = [case for path in sorted(FOLDER.rglob("*.kx")) for case in read_cases(path)]
EXACT = 1e-9
"""What float64 may differ, relative to the greatest magnitude."""
ROUNDING = 1e-6
"""What float32 may differ beyond four times the error it had before."""


def optimized(case: Case, dtype: str) -> tuple[Graph, Log]:
    """The graph after the passes, which leave it alone the second time."""
    graph = case.graph(dtype)
    log = Log()
    verify_graph(graph)
    before = to_text(graph)
    ports = [(v.name, v.type) for v in graph.inputs], [(o.name, o.value.type) for o in graph.outputs]
    assert run_passes(graph, case.passes, log, verify=True) == (to_text(graph) != before)
    verify_graph(graph)
    assert ([(v.name, v.type) for v in graph.inputs], [(o.name, o.value.type) for o in graph.outputs]) == ports
    after = to_text(graph)
    assert not run_passes(graph, case.passes), "a second run changes the graph again"
    assert to_text(graph) == after
    return graph, log


def greatest(x: Array) -> float:
    return float(np.abs(x[np.isfinite(x)]).max(initial=0.0))


def assert_close(actual: Array, expected: Array, tolerance: float) -> None:
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite])
    atol = 0.0 if actual.dtype.kind in "iub" else tolerance
    np.testing.assert_allclose(actual[finite], expected[finite], rtol=0, atol=atol)


def allowed(narrow: Array, expected: Array) -> float:
    """What float32 may differ from float64, given what it did before the passes."""
    if expected.dtype.kind != "f":
        return 0.0
    finite = np.isfinite(expected)
    error = greatest(narrow[finite].astype(np.float64) - expected[finite])
    return 4 * error + ROUNDING * max(greatest(expected), 1e-30)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_text(case: Case, request: pytest.FixtureRequest):
    graph, log = optimized(case, "f32")
    after = expectation(case, to_text(case.graph()), to_text(graph))
    if request.config.getoption("--update"):
        update(case, after)
    else:
        assert after == case.after
    if "skips" in case.notes:
        assert case.notes["skips"] in {reason for _, _, reason in log.skipped}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_numbers(case: Case):
    graph = optimized(case, "f32")[0]
    wide = optimized(case, "f64")[0]
    assert ([n.op.name for n in wide.nodes] == [n.op.name for n in graph.nodes]) == ("float64" not in case.notes)
    before = case.graph()
    wide_before = case.graph("f64")
    for sizes in case.sizes(before):
        inputs = case.inputs(before, sizes)
        exact = evaluate(before, inputs, wide=True)
        narrow = evaluate(before, inputs)
        actual = evaluate(graph, inputs)
        for name, expected in exact.items():
            assert actual[name].dtype == narrow[name].dtype
            assert_close(actual[name].astype(expected.dtype), expected, allowed(narrow[name], expected))
        wide_inputs = case.inputs(wide_before, sizes)
        actual = evaluate(wide, wide_inputs)
        for name, expected in evaluate(wide_before, wide_inputs).items():
            assert_close(actual[name], expected, EXACT * max(greatest(expected), 1e-30))


def test_every_pass_has_cases():
    assert set(PASSES) <= {p for case in CASES for p in case.passes}


def test_names_are_distinct():
    ids = [case.id for case in CASES]
    assert len(set(ids)) == len(ids)
