"""Element types: each op in every type it takes gives the right numbers, or a reason before a byte is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kexport import ops
from kexport.errors import UnsupportedError
from kexport.ir.dim import symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from tests.onnx.test_dtypes import FORMS, TYPES, accepted, graph_of
from tests.tflite.helper import export, operators, partitions, run

MOVES = ("reshape", "transpose", "split", "slice", "tile", "broadcast_to")
"""Ops that move elements of any type."""
UINT64 = "TF Lite has no uint64 arithmetic"
INT64 = "TF Lite has no int64 kernel for it"
UINT32 = "TF Lite has no u32 kernel for it"
REASONS = {
    **{(form, DType.I64): INT64 for form in (
        "bit_not", "floor_div", "pow", "bit_and", "shift_left", "shift_right", "resize",
    )},
    **{(form, DType.U32): UINT32 for form in (
        "bit_not", "floor_div", "pow", "bit_and", "shift_left", "shift_right", "arg_max", "arg_min", "resize",
    )},
    **{(form, DType.U64): UINT64 for form in FORMS if form not in MOVES},
}  # fmt: skip
ROUNDING = {DType.F16: 2**-9, DType.BF16: 2**-6}
CASES = [(form, dtype) for form in FORMS for dtype in TYPES if accepted(form, dtype)]


@pytest.mark.parametrize(("form", "dtype"), [c for c in CASES if c not in REASONS], ids=lambda v: str(v))
def test_type(form: str, dtype: DType, tmp_path: Path) -> None:
    graph, inputs = graph_of(form, dtype, inputs=1 if form == "conv_transpose" else 2)  # it takes constant kernels
    expected = evaluate(graph, inputs, wide=True)
    path = export(graph, tmp_path / "model.tflite")
    for runtime in ("litert-xnnpack", "litert-reference"):
        for name, found in run(path, inputs, runtime).items():
            want = expected[name]
            if found.dtype.kind in "iub":
                np.testing.assert_array_equal(found, want)
            else:
                atol = ROUNDING.get(dtype, 1e-6) * max(1, np.abs(want).max())
                np.testing.assert_allclose(found.astype(np.float64), want, rtol=0, atol=atol)


@pytest.mark.parametrize(("form", "dtype"), [c for c in CASES if c in REASONS], ids=lambda v: str(v))
def test_reason(form: str, dtype: DType, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=REASONS[form, dtype]):
        export(graph_of(form, dtype)[0], tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


def test_mixed_precision_is_computed_in_float32(tmp_path: Path) -> None:
    """What a policy of mixed_float16 makes: weights rounded on the way in, activations in half precision."""
    rng = np.random.default_rng(0)
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (symbol("batch"), 64)))
    half = graph.add(ops.Cast(DType.F16), x).output
    for i in range(2):
        w = graph.add(ops.Cast(DType.F16), graph.constant(rng.normal(size=(64, 64)).astype(np.float32), f"w{i}")).output
        b = graph.constant(rng.normal(size=64).astype(np.float16), f"b{i}")
        half = graph.add(ops.Dense("relu"), half, w, b, origin=f"dense_{i}").output
    graph.output("y", graph.add(ops.Cast(DType.F32), half).output)
    inputs = {"x": rng.normal(size=(3, 64)).astype(np.float32)}
    path = export(graph, tmp_path / "model.tflite")
    exact = evaluate(graph, inputs, wide=True)["y"]
    found = run(path, inputs)["y"]
    assert np.abs(found - exact).max() < 2e-2 * np.abs(exact).max()
    assert operators(path) == {"FULLY_CONNECTED": 2, "DEQUANTIZE": 2}
    assert partitions(path).count == 1


def test_small_products_of_integers_are_exact_in_float32(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    graph = Graph()
    x = graph.input("x", TensorType(DType.I8, (4, 1024)))
    wide = graph.add(ops.Cast(DType.I32), x).output
    w = graph.constant(rng.integers(-128, 128, (1024, 8)).astype(np.int32))
    graph.output("y", graph.add(ops.MatMul(), wide, w).output)
    inputs = {"x": np.full((4, 1024), -128, np.int8)}
    path = export(graph, tmp_path / "model.tflite")
    assert "FULLY_CONNECTED" in operators(path)
    np.testing.assert_array_equal(run(path, inputs)["y"], evaluate(graph, inputs)["y"])
