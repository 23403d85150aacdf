"""Every op against its own meaning: exported alone, run in LiteRT, compared with the float64 evaluator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kexport.errors import NotApplicable
from kexport.ir.evaluator import evaluate
from tests.ops.case import Case
from tests.ops.cases import CASES
from tests.ops.cases_text import LARGE_HASHES
from tests.tflite.helper import RUNTIMES, assert_matches, export, run

WRONG = {
    ("maximum-nan", "litert-xnnpack"): "MAXIMUM drops a NaN in its second operand",
    ("maximum-nan", "litert-reference"): "MAXIMUM drops a NaN in its second operand",
    ("maximum-nan", "litert-compiled"): "MAXIMUM drops a NaN in its second operand",
    ("reduce_max-empty", "litert-reference"): "REDUCE_MAX of nothing gives the least finite number",
}
"""Where LiteRT 2.3 itself does something else; each must stay wrong to stay listed."""
DECLINED = {
    "reduce_max-empty": "takes no empty tensors",
    "slice-empty": "gives no empty tensors",
}
"""What CompiledModel says it cannot do."""


def _pairs() -> list[Any]:
    pairs: list[Any] = []
    for case in (*CASES, *LARGE_HASHES):
        for runtime in RUNTIMES:
            if runtime == "litert-compiled" and case.id in DECLINED:
                continue
            reason = WRONG.get((case.id, runtime))
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
            pairs.append(pytest.param(case, runtime, id=f"{case.id}-{runtime}", marks=marks))
    return pairs


@pytest.mark.parametrize(("case", "runtime"), _pairs())
def test_op(case: Case, runtime: str, tmp_path: Path) -> None:
    graph = case.graph()
    inputs = case.inputs()
    found = run(export(graph, tmp_path / "model.tflite"), inputs, runtime)
    assert_matches(found, evaluate(graph, inputs, wide=True))
    for output in graph.outputs:
        assert found[output.name].dtype == output.value.type.dtype.numpy


@pytest.mark.parametrize("case", [c for c in CASES if c.symbols()], ids=lambda c: c.id)
def test_op_of_fixed_size(case: Case, tmp_path: Path) -> None:
    graph = case.graph(static=True)
    inputs = case.inputs()
    found = run(export(graph, tmp_path / "model.tflite"), inputs)
    assert_matches(found, evaluate(graph, inputs, wide=True))


@pytest.mark.parametrize("case", [c for c in CASES if c.id in DECLINED], ids=lambda c: c.id)
def test_compiled_model_declines(case: Case, tmp_path: Path) -> None:
    path = export(case.graph(), tmp_path / "model.tflite")
    with pytest.raises(NotApplicable, match=DECLINED[case.id]):
        run(path, case.inputs(), "litert-compiled")
