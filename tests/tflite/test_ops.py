"""Every op against its own meaning: exported alone, run in LiteRT, compared with the float64 evaluator."""

from __future__ import annotations

from pathlib import Path

import pytest

from kexport.ir.evaluator import evaluate
from tests.ops.case import Case
from tests.ops.cases import CASES
from tests.tflite.helper import RUNTIMES, assert_matches, export, run


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_op(case: Case, runtime: str, tmp_path: Path) -> None:
    graph, inputs = case.graph(), case.inputs()
    expected = evaluate(graph, inputs, wide=True)
    path = export(graph, tmp_path / "model.tflite")
    found = run(path, inputs, runtime)
    assert_matches(found, expected)
    for output in graph.outputs:
        assert found[output.name].dtype == output.value.type.dtype.numpy
