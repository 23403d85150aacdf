"""Every op against its own meaning: exported alone, run in Node, compared with the float64 evaluator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kexport.errors import UnsupportedError
from kexport.ir.evaluator import evaluate
from kexport_shared.js.engine import Engine
from tests.ops.case import Case
from tests.ops.cases import CASES
from tests.tfjs.helper import export, run

ROUNDING = 2e-6
"""Of a float32 result, relative to its greatest magnitude: some units in the last place."""

UNSUPPORTED = {
    "bit_and": "loses the operands",
    "bit_or": "loses the operands",
    "bit_xor": "loses the operands",
    "scatter_nd-max": "cannot scatter the maximum",
    "scatter_nd-min": "cannot scatter the minimum",
}
"""Cases that an export refuses, and what it says."""
WRONG_IN_WASM = {"maximum-nan": "the wasm backend's maximum and minimum ignore NaN"}
"""Cases that a kernel computes wrongly and that no other form would be worth its cost."""


def check(case: Case, folder: Path, engine: Engine) -> None:
    graph = case.graph()
    inputs = case.inputs()
    if case.id in UNSUPPORTED:
        with pytest.raises(UnsupportedError, match=UNSUPPORTED[case.id]):
            export(graph, folder / "model.tfjs")
        return
    expected = evaluate(graph, inputs, wide=True)
    found = run(engine, export(graph, folder / "model.tfjs"), inputs)
    assert list(found) == list(expected)
    for output in graph.outputs:
        want = expected[output.name]
        got = found[output.name]
        assert got.dtype == output.value.type.dtype.numpy
        assert got.shape == want.shape
        if got.dtype.kind == "f":
            finite = want[np.isfinite(want)]
            rounding = max(ROUNDING, np.finfo(got.dtype).eps / 2)
            atol = rounding * max(1.0, float(np.abs(finite).max(initial=0)))
            np.testing.assert_allclose(got, want, rtol=0, atol=atol)
        else:
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_op_in_wasm(case: Case, node_wasm: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if case.id in WRONG_IN_WASM:
        request.applymarker(pytest.mark.xfail(reason=WRONG_IN_WASM[case.id], strict=True))
    check(case, tmp_path, node_wasm)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_op_in_javascript(case: Case, node_cpu: Engine, tmp_path: Path) -> None:
    check(case, tmp_path, node_cpu)
