"""Every op in TFLite Micro: what it computes is right, or it declines and says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kexport.errors import NotApplicable
from kexport.ir.evaluator import evaluate
from kexport.ir.op import Array
from kexport_tflite.micro.runtime import Tflm
from tests.ops.case import Case
from tests.ops.cases import CASES
from tests.tflite.helper import assert_matches, export

pytest.importorskip("tflite_micro", reason="the extra mcu is not installed")

WRONG = {
    "maximum-nan": "MAXIMUM drops a NaN in its second operand, as in LiteRT",
    "reduce_max-empty": "REDUCE_MAX of nothing gives the least finite number, as in LiteRT's reference kernels",
}
COMPUTED = {
    "add", "avg_pool", "batch_norm", "concat", "dense", "depth_to_space", "depthwise_conv", "div", "elu", "equal",
    "exp", "greater", "group_norm", "gru", "hard_sigmoid", "hard_silu", "if", "layer_norm", "leaky_relu", "less", "log",
    "log_softmax", "logical_and", "lstm", "max_pool", "maximum", "minimum", "mul", "pad", "prelu", "reduce_mean",
    "relu", "relu6", "reshape", "rms_norm", "round", "rsqrt", "scan", "selu", "sigmoid", "silu", "simple_rnn",
    "softmax", "softplus", "split", "sqrt", "square", "sub", "tanh", "while",
}  # fmt: skip
"""Ops that it computes in every case: to decline everything would be no way out."""


def _cases() -> list[Any]:
    marks = {case: [pytest.mark.xfail(reason=reason, strict=True)] for case, reason in WRONG.items()}
    return [pytest.param(case, id=case.id, marks=marks.get(case.id, [])) for case in CASES]


@pytest.mark.parametrize("case", _cases())
def test_op(case: Case, tmp_path: Path) -> None:
    graph = case.graph(static=True)
    inputs = case.inputs()
    path = export(graph, tmp_path / "model.tflite")
    found, why = _run(path, inputs)
    if found is None:
        assert why.startswith("TFLite Micro ")
        assert case.id.split("-")[0] not in COMPUTED, why
        return
    assert_matches(found, evaluate(graph, inputs, wide=True))
    for output in graph.outputs:
        assert found[output.name].dtype == output.value.type.dtype.numpy


def _run(path: Path, inputs: dict[str, Array]) -> tuple[dict[str, Array] | None, str]:
    """The outputs, or why there are none."""
    try:
        return Tflm().load(path).run(inputs), ""
    except NotApplicable as e:
        return None, e.what
