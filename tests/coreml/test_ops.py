"""Every op against its own meaning: exported alone, linted, executed by the evaluator of ML programs, compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kexport.errors import UnsupportedError
from kexport.ir.evaluator import evaluate
from kexport.lowered import contract_of
from kexport_coreml import TARGET
from tests.coreml.helper import UNSUPPORTED, export, run
from tests.ops.case import Case
from tests.ops.cases import CASES

ROUNDING = {"float32": 2e-6, "float16": 4e-3}
"""Relative to the greatest magnitude of a result: some units in the last place."""
SUPPORTED = [case for case in CASES if case.id not in UNSUPPORTED]
OPEN_BEFORE_16 = "resize-any_size"
"""A bilinear resize of an image of dynamic size."""


def check(case: Case, folder: Path, static: bool, deployment: str, precision: str = "float32") -> None:
    graph = case.graph(static=static)
    inputs = case.inputs()
    expected = evaluate(graph, inputs, wide=True)
    path = export(graph, folder / "model.mlpackage", deployment=deployment, precision=precision)
    assert TARGET.read_contract(path) == contract_of(graph)
    found = run(path, inputs, precision)
    assert found.keys() == expected.keys()
    for output in graph.outputs:
        want = expected[output.name]
        got = found[output.name]
        assert got.dtype == output.value.type.dtype.numpy
        assert got.shape == want.shape
        if got.dtype.kind == "f":
            finite = want[np.isfinite(want)]
            rounding = max(ROUNDING[precision], np.finfo(got.dtype).eps / 2)
            atol = rounding * max(1.0, float(np.abs(finite).max(initial=0)))
            np.testing.assert_allclose(got.astype(np.float64), want, rtol=0, atol=atol)
        else:
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("case", SUPPORTED, ids=lambda c: c.id)
@pytest.mark.parametrize("static", [False, True], ids=["dynamic", "static"])
def test_op(case: Case, static: bool, tmp_path: Path) -> None:
    check(case, tmp_path, static, "ios16")


@pytest.mark.parametrize("case", SUPPORTED, ids=lambda c: c.id)
def test_op_in_float16(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path, False, "ios16", "float16")


@pytest.mark.parametrize("deployment", ["ios15", "ios17", "ios18"])
@pytest.mark.parametrize("case", [c for c in SUPPORTED if c.id != OPEN_BEFORE_16], ids=lambda c: c.id)
def test_op_for_other_systems(case: Case, deployment: str, tmp_path: Path) -> None:
    check(case, tmp_path, False, deployment)


@pytest.mark.parametrize("case", [c for c in CASES if c.id in UNSUPPORTED], ids=lambda c: c.id)
def test_what_core_ml_lacks_is_refused_with_a_reason(case: Case, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=UNSUPPORTED[case.id]):
        export(case.graph(), tmp_path / "model.mlpackage")
