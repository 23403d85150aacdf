"""Every op against its own meaning: exported alone, run in ONNX Runtime, compared with the float64 evaluator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kexport.errors import UnsupportedError
from kexport.ir.evaluator import evaluate
from kexport_onnx.text import SINCE
from kexport_onnx.versions import MAX_OPSET
from tests.onnx.helper import export, run
from tests.ops.case import Case
from tests.ops.cases import CASES, TEXT
from tests.ops.cases_text import LARGE_HASHES

ROUNDING = 2e-6
"""Of a float32 result, relative to its greatest magnitude: some units in the last place."""

REFUSED = {
    "split_text-characters": "split_text: ONNX has nothing that takes characters apart",
    "hash_text": "hash_text: ONNX has no hash of text",
    "hash_text-keyed": "hash_text: ONNX has no hash of text",
}
"""Cases of text that ONNX cannot say, and what the user reads."""
WORDS = [c for c in TEXT if c.id not in REFUSED]


def check(case: Case, folder: Path, static: bool, opset: int | None = None) -> None:
    graph = case.graph(static=static)
    inputs = case.inputs()
    expected = evaluate(graph, inputs, wide=True)
    found = run(export(graph, folder / "model.onnx", opset=opset), inputs)
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


@pytest.mark.parametrize("case", [*CASES, *LARGE_HASHES], ids=lambda c: c.id)
@pytest.mark.parametrize("static", [False, True], ids=["dynamic", "static"])
def test_op(case: Case, static: bool, tmp_path: Path) -> None:
    check(case, tmp_path, static)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_op_in_the_newest_opset(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path, static=False, opset=MAX_OPSET)


@pytest.mark.parametrize("case", WORDS, ids=lambda c: c.id)
@pytest.mark.parametrize("static", [False, True], ids=["dynamic", "static"])
def test_op_on_text(case: Case, static: bool, tmp_path: Path) -> None:
    check(case, tmp_path, static)


@pytest.mark.parametrize("case", WORDS, ids=lambda c: c.id)
def test_op_on_text_in_the_newest_opset(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path, static=False, opset=MAX_OPSET)


@pytest.mark.parametrize("case", [c for c in TEXT if c.id in REFUSED], ids=lambda c: c.id)
def test_op_on_text_that_is_refused(case: Case, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=f"{case.id}: {REFUSED[case.id]}"):
        export(case.graph(), tmp_path / "model.onnx")


@pytest.mark.parametrize("case", [c for c in WORDS if type(c.op) in SINCE], ids=lambda c: c.id)
def test_older_opsets_have_less_for_text(case: Case, tmp_path: Path) -> None:
    since = SINCE[type(case.op)]
    with pytest.raises(UnsupportedError, match=f"opset {since - 1} has none on text; choose opset {since} or newer"):
        export(case.graph(), tmp_path / "model.onnx", opset=since - 1)
