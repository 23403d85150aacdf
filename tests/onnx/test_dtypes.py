"""Element types: each op in every type it takes runs in ONNX Runtime, or is known not to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.errors import GraphError, UnsupportedError, VerifyError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array, infer
from kexport.ir.types import DType, TensorType
from tests.onnx.helper import export, run

TYPES = [DType(t) for t in ["f16", "bf16", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bool"]]
SHAPE = (2, 4, 4, 3)
KERNEL = (2, 2, 3, 2)
WINDOW: Any = {"window": (2, 2), "strides": (2, 2), "padding": "valid"}

FORMS: dict[str, tuple[Any, int]] = {
    **{op.name: (op(), 1) for op in (
        ops.Neg, ops.Abs, ops.Sign, ops.Square, ops.Sqrt, ops.Rsqrt, ops.Exp, ops.Log, ops.Expm1, ops.Log1p,
        ops.Floor, ops.Round, ops.Sin, ops.Erf, ops.LogicalNot, ops.BitNot, ops.IsNan, ops.IsInf, ops.IsFinite,
        ops.Relu, ops.Relu6, ops.Sigmoid, ops.Tanh, ops.Silu, ops.HardSilu, ops.Softplus, ops.Selu, ops.Mish,
    )},
    **{op.name: (op(), 2) for op in (
        ops.Add, ops.Sub, ops.Mul, ops.Div, ops.FloorDiv, ops.Mod, ops.Pow, ops.Maximum, ops.Minimum,
        ops.SquaredDifference, ops.Equal, ops.NotEqual, ops.Less, ops.GreaterEqual, ops.LogicalXor, ops.BitAnd,
        ops.ShiftLeft, ops.ShiftRight,
    )},
    "clip": (ops.Clip(1, 3), 1),
    "gelu": (ops.Gelu(False), 1),
    "leaky_relu": (ops.LeakyRelu(0.1), 1),
    "celu": (ops.Celu(0.5), 1),
    "max_pool": (ops.MaxPool(**WINDOW), 1),
    "avg_pool": (ops.AvgPool(**WINDOW), 1),
    "reduce_sum": (ops.ReduceSum((1, 3)), 1),
    "reduce_mean": (ops.ReduceMean((1, 2)), 1),
    "reduce_max": (ops.ReduceMax((1, 2)), 1),
    "reduce_min": (ops.ReduceMin((3,), True), 1),
    "reduce_prod": (ops.ReduceProd((3,)), 1),
    "reduce_any": (ops.ReduceAny((1,)), 1),
    "reduce_all": (ops.ReduceAll((1,)), 1),
    "arg_max": (ops.ArgMax(3), 1),
    "arg_min": (ops.ArgMin(1), 1),
    "cum_sum": (ops.CumSum(1), 1),
    "cum_prod": (ops.CumProd(2), 1),
    "top_k": (ops.TopK(2), 1),
    "softmax": (ops.Softmax(), 1),
    "reshape": (ops.Reshape((8, 12)), 1),
    "transpose": (ops.Transpose((3, 1, 0, 2)), 1),
    "concat": (ops.Concat(1), 2),
    "split": (ops.Split(1, (1, 3)), 1),
    "slice": (ops.Slice((0, 1, 0, 0), (2, 4, 4, 2), (1, 2, 1, 1)), 1),
    "reverse": (ops.Reverse((1,)), 1),
    "pad": (ops.Pad(((0, 0), (1, 2), (0, 0), (1, 0)), "constant", 1.0), 1),
    "pad_symmetric": (ops.Pad(((0, 0), (1, 2), (0, 0), (1, 0)), "symmetric"), 1),
    "pad_edge": (ops.Pad(((0, 0), (1, 2), (0, 0), (1, 0)), "edge"), 1),
    "tile": (ops.Tile((1, 2, 1, 2)), 1),
    "broadcast_to": (ops.BroadcastTo((5, *SHAPE)), 1),
    "depth_to_space": (ops.SpaceToDepth(2), 1),
    "resize": (ops.Resize((8, 8)), 1),
    "matmul": (ops.MatMul(transpose_b=True), 2),
    "conv": (ops.Conv((1, 1), "same", (1, 1)), 0),
    "depthwise_conv": (ops.DepthwiseConv((1, 1), "same", (1, 1)), 0),
    "conv_transpose": (ops.ConvTranspose((1, 1), "same", None, (1, 1)), 0),
    "layer_norm": (ops.LayerNorm((3,), 1e-3), -2),
    "rms_norm": (ops.RmsNorm((3,), 1e-3), -1),
    "group_norm": (ops.GroupNorm(3, 1e-3), -2),
    "batch_norm": (ops.BatchNorm(1e-3), -4),
}  # fmt: skip
"""Op and number of operands of SHAPE; 0: one, and a kernel; a negative number: one, and so many parameters of the size
of the last axis."""

REFUSED = {
    **{(op, DType.F64): "no float64 kernel" for op in (
        "erf", "gelu", "avg_pool", "resize", "conv", "depthwise_conv", "conv_transpose",
    )},
    **{(op, DType.I64): "no wider type holds it" for op in ("depth_to_space", "resize")},
    **{(op, DType.U64): "no wider type holds it" for op in (
        "reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "arg_max", "arg_min", "top_k", "depth_to_space",
        "resize",
    )},
    ("resize", DType.U32): "no wider type holds it",
}  # fmt: skip
"""What ONNX Runtime has no kernel for, and why no cast helps. (MaxPool of 64-bit integers is no ONNX at all.)"""


def operands(form: str, dtype: DType) -> list[Array]:
    _, count = FORMS[form]
    rng = np.random.default_rng(0)
    shapes = [SHAPE] * count if count > 0 else [SHAPE] + [(3,)] * -count if count else [SHAPE, (2, 2, 3, 3)]
    low = 0.3 if dtype.is_float else 1 if form in ("pow", "floor_div", "mod") else 0
    high = 1 if dtype is DType.BOOL else 3
    signed = dtype.value[0] in "fi" and form in ("neg", "abs", "floor_div", "mod", "shift_right", "max_pool", "relu")
    made = [rng.uniform(-high if signed and not i else low, high + 0.5, s) for i, s in enumerate(shapes)]
    return [(m if dtype.is_float else np.floor(m)).astype(dtype.numpy) for m in made]


def graph_of(form: str, dtype: DType, inputs: int = 2) -> tuple[Graph, dict[str, Array]]:
    """A graph of one op. The first operands are inputs, the others constants."""
    arrays = operands(form, dtype)
    graph = Graph(form)
    x = [graph.input(f"x{i}", TensorType.of(a)) for i, a in enumerate(arrays[:inputs])]
    constants = [graph.constant(a, "w") for a in arrays[inputs:]]
    for i, value in enumerate(graph.add(FORMS[form][0], *x, *constants, origin=form).outputs):
        if value.type.dtype is DType.BF16:
            value = graph.add(ops.Cast(DType.F32), value).output
        graph.output(f"y{i}", value)
    return graph, {f"x{i}": a for i, a in enumerate(arrays[:inputs])}


def accepted(form: str, dtype: DType) -> bool:
    try:
        if FORMS[form][1] == 0 and not dtype.is_float:
            return False  # convolutions of integers are none of ONNX
        infer(FORMS[form][0], tuple(TensorType.of(a) for a in operands(form, dtype)))
    except GraphError:
        return False
    return True


def _is_wide_pool(form: str, dtype: DType) -> bool:
    return form == "max_pool" and dtype in (DType.I64, DType.U64)


CASES = [(form, dtype) for form in FORMS for dtype in TYPES if accepted(form, dtype) and not _is_wide_pool(form, dtype)]
_EPS = {DType.F16: 2**-11, DType.BF16: 2**-8, DType.F64: 1e-15}


@pytest.mark.parametrize(("form", "dtype"), CASES, ids=lambda v: str(v))
def test_type(form: str, dtype: DType, tmp_path: Path) -> None:
    graph, inputs = graph_of(form, dtype)
    expected = evaluate(graph, inputs, wide=True)
    if (form, dtype) in REFUSED and dtype is DType.F64:
        with pytest.raises(UnsupportedError, match=f"{form}: .*: ONNX Runtime has none for f64"):
            export(graph, tmp_path / "m.onnx")
        return
    path = export(graph, tmp_path / "m.onnx")
    if (form, dtype) in REFUSED:
        with pytest.raises(VerifyError, match="refuses the model"):
            run(path, inputs)
        return
    found = run(path, inputs)
    for name, want in expected.items():
        if found[name].dtype.kind == "f":
            atol = 4 * _EPS.get(dtype, 1e-7) * max(1, np.abs(want).max())
            np.testing.assert_allclose(found[name].astype(np.float64), want, rtol=0, atol=atol)
        else:
            np.testing.assert_array_equal(found[name], want)


@pytest.mark.parametrize("dtype", [DType.I64, DType.U64], ids=str)
def test_wide_pools_are_refused(dtype: DType, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="max_pool: max_pool: ONNX pools no 64-bit integers"):
        export(graph_of("max_pool", dtype)[0], tmp_path / "m.onnx")
