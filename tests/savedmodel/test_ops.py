"""Every op against its own meaning: exported alone, run in TensorFlow, compared with the float64 evaluator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kexport.ir.evaluator import evaluate
from tests.ops.case import Case
from tests.ops.cases import CASES, TEXT
from tests.ops.cases_text import LARGE_HASHES
from tests.savedmodel.helper import export, run

ROUNDING = 2e-6
"""Of a float32 result, relative to its greatest magnitude: some units in the last place."""


def check(case: Case, folder: Path) -> None:
    graph = case.graph()
    inputs = case.inputs()
    expected = evaluate(graph, inputs, wide=True)
    found = run(export(graph, folder / "model"), inputs)
    assert found.keys() == expected.keys()
    for output in graph.outputs:
        want = expected[output.name]
        got = found[output.name]
        assert got.dtype == output.value.type.dtype.numpy
        assert got.dtype != object or all(type(t) is str for t in got.reshape(-1))
        assert got.shape == want.shape
        if got.dtype.kind == "f":
            finite = want[np.isfinite(want)]
            rounding = max(ROUNDING, np.finfo(got.dtype).eps / 2)
            atol = rounding * max(1.0, float(np.abs(finite).max(initial=0)))
            np.testing.assert_allclose(got, want, rtol=0, atol=atol)
        else:
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("case", [*CASES, *TEXT, *LARGE_HASHES], ids=lambda c: c.id)
def test_op(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
