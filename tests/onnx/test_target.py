"""The target as a whole: nothing of the vocabulary is forgotten, options, refusals before a byte is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime.capi.onnxruntime_pybind11_state as ort_state
import pytest
from onnx import defs

import kexport.ops
from kexport import ops
from kexport.errors import ConfigError, EmitError, UnsupportedError
from kexport.ir.dim import symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_onnx import TARGET
from kexport_onnx.context import Context, Ref
from kexport_onnx.kernels import _CASTS, compute_type
from kexport_onnx.legalize import SINCE
from kexport_onnx.options import OnnxOptions
from kexport_onnx.versions import IR_VERSIONS, MAX_OPSET, MIN_OPSET, NEWER_KINDS
from tests.onnx.helper import export, kinds, run


def test_every_opset_has_its_file_version() -> None:
    assert list(IR_VERSIONS) == list(range(MIN_OPSET, MAX_OPSET + 1))
    table = {row[3 - 1]: row[1] for row in onnx.helper.VERSION_TABLE}
    assert {k: table[k] for k in IR_VERSIONS} == IR_VERSIONS


@pytest.mark.parametrize("opset", [MIN_OPSET - 1, MAX_OPSET + 1])
def test_other_opsets_are_refused(opset: int) -> None:
    with pytest.raises(ConfigError, match=f"opset {opset} is not supported"):
        OnnxOptions(opset=opset)


def test_kinds_newer_than_the_oldest_opset_are_what_onnx_says() -> None:
    assert {kind: defs.get_schema(kind).since_version for kind in NEWER_KINDS} == NEWER_KINDS
    assert NEWER_KINDS["CumProd"] == SINCE[ops.CumProd]


def _kernels() -> dict[str, list[tuple[tuple[int, int], set[str]]]]:
    found: dict[str, list[tuple[tuple[int, int], set[str]]]] = {}
    for k in ort_state.get_all_opkernel_def():
        if k.domain in ("", "ai.onnx") and k.provider == "CPUExecutionProvider":
            types = {t for ts in k.type_constraints.values() for t in ts}
            found.setdefault(k.op_name, []).append((k.version_range, types))
    return found


def test_the_types_that_ops_are_computed_in_have_kernels() -> None:
    kernels = _kernels()
    words = {DType.F32: "float", DType.F64: "double", DType.I32: "int32", DType.I64: "int64", DType.U8: "uint8"}
    for op, casts in _CASTS.items():
        since = defs.get_schema(op, NEWER_KINDS.get(op, MIN_OPSET), "").since_version
        has = [types for (low, high), types in kernels[op] if low == since or low <= since <= high < 1 << 20]
        for wide in casts.values():
            assert any(f"tensor({words[wide]})" in types for types in has), (op, wide)


def test_bfloat16_is_computed_in_float32() -> None:
    assert compute_type("Add", DType.BF16) is DType.F32
    assert compute_type("Reshape", DType.BF16) is DType.BF16


def test_complex_numbers_are_refused_by_layer_path() -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.C64, (2,)))
    y = graph.add(ops.Neg(), x, origin="net/fft").output
    graph.output("y", graph.add(ops.Mul(), y, y, origin="net/square").output)
    with pytest.raises(UnsupportedError) as e:
        TARGET.legalize(graph, OnnxOptions())
    assert [(i.where, i.op) for i in e.value.items] == [("net/fft", "neg"), ("net/square", "mul")]
    assert "complex" in str(e.value)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("opset", [None, 26])
def test_a_running_product_over_an_open_axis(exclusive: bool, reverse: bool, opset: int | None, tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2, symbol("n"), 3)))
    graph.output("y", graph.add(ops.CumProd(1, exclusive, reverse), x, origin="net/product").output)
    path = export(graph, tmp_path / "m.onnx", opset=opset)
    assert ("CumProd" in kinds(path), "Scan" in kinds(path)) == (opset is not None, opset is None)
    for size in (1, 4):
        inputs = {"x": np.random.default_rng(0).uniform(0.5, 2, (2, size, 3)).astype(np.float32)}
        np.testing.assert_allclose(run(path, inputs)["y"], evaluate(graph, inputs)["y"], rtol=1e-6)


def test_a_size_that_no_input_has_is_an_error(tmp_path: Path) -> None:
    graph = Graph()
    n = symbol("n")
    x = graph.input("x", TensorType(DType.F32, (n // 2,)))
    graph.output("y", graph.add(ops.Full((n + 1,), 0.0, DType.F32), origin="net/zeros").output)
    graph.output("z", x)
    with pytest.raises(EmitError, match="net/zeros: the size 'n' is not the size of an axis of an input"):
        export(graph, tmp_path / "m.onnx")


@pytest.mark.parametrize("size", [1, 2, 3, 8, 13])
def test_sizes_are_computed_from_the_inputs(size: int, tmp_path: Path) -> None:
    n = symbol("n")
    m = symbol("m")
    sizes = (
        n,
        2 * n + 1,
        n * m - m,
        (n + 1) // 2,
        (-1 * n) // 3 + n,
        (n * m) // (m + 1),
        kexport.ir.dim.dim_max(n, 5),
        kexport.ir.dim.dim_min(n - m, 3),
    )
    graph = Graph()
    graph.input("x", TensorType(DType.F32, (n, 4)))
    graph.input("y", TensorType(DType.F32, (m,)))
    graph.output("sizes", graph.add(ops.Dims(sizes, DType.I32)).output)
    inputs = {"x": np.zeros((size, 4), np.float32), "y": np.zeros(3, np.float32)}
    found = run(export(graph, tmp_path / "m.onnx"), inputs)["sizes"]
    np.testing.assert_array_equal(found, evaluate(graph, inputs)["sizes"])


@pytest.mark.parametrize("dtype", [DType.BF16, DType.F16], ids=str)
def test_half_precision_weights(dtype: DType, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2, 6, 6, 3)))
    half = graph.add(ops.Cast(dtype), x).output
    kernel, bias = (graph.constant(rng.standard_normal(s).astype(dtype.numpy)) for s in ((3, 3, 3, 4), (4,)))
    y = graph.add(ops.Conv((1, 1), "same", (1, 1), activation="relu"), half, kernel, bias).output
    graph.output("y", graph.add(ops.Cast(DType.F32), y).output)
    inputs = {"x": rng.standard_normal((2, 6, 6, 3)).astype(np.float32)}
    found = run(export(graph, tmp_path / "m.onnx"), inputs)["y"]
    want = evaluate(graph, inputs, wide=True)["y"]
    eps = 2**-8 if dtype is DType.BF16 else 2**-11
    np.testing.assert_allclose(found, want, rtol=0, atol=3 * eps * np.abs(want).max())


@pytest.mark.parametrize("kept", [False, True])
def test_inputs_and_outputs_of_bfloat16_are_what_numpy_reads(kept: bool, tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.BF16, (symbol("n"), 3)))
    graph.output("y", graph.add(ops.Relu(), x).output)
    graph.output("same", x)
    path = export(graph, tmp_path / "m.onnx", bfloat16=kept)
    model = onnx.load(path)
    code = onnx.TensorProto.BFLOAT16 if kept else onnx.TensorProto.FLOAT
    assert {i.type.tensor_type.elem_type for i in (*model.graph.input, *model.graph.output)} == {code}
    assert TARGET.read_contract(path) == contract_of(graph)
    data = np.array([[-1, 0.5, 3]], DType.BF16.numpy)
    found = run(path, {"x": data})
    np.testing.assert_array_equal(found["y"], np.maximum(data, 0))
    np.testing.assert_array_equal(found["same"], data)
    assert {a.dtype for a in found.values()} == {data.dtype}


def test_four_bit_weights(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2, 5)))
    table = np.arange(-8, 7).astype(DType.I4.numpy).reshape(5, 3)
    w = graph.add(ops.Cast(DType.F32), graph.constant(table, "w")).output
    graph.output("y", graph.add(ops.Dense(), x, w).output)
    data = np.random.default_rng(0).standard_normal((2, 5)).astype(np.float32)
    found = run(export(graph, tmp_path / "m.onnx"), {"x": data})["y"]
    np.testing.assert_allclose(found, data @ table.astype(np.float32), rtol=1e-5)


def _windowed(op: ops.Conv | ops.ConvTranspose, *kernel: int) -> Graph:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (1, symbol("n"), 3)))
    w = graph.constant(np.ones(kernel, np.float32))
    graph.output("y", graph.add(op, x, w, origin="net/window").output)
    return graph


def test_padding_that_only_the_input_tells_is_an_error(tmp_path: Path) -> None:
    n = symbol("n")
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (1, symbol("n"), 3)))
    graph.output("y", graph.add(ops.MaxPool((2,), (1,), ((n, 0),)), x, origin="net/window").output)
    with pytest.raises(EmitError, match=r"net/window: the padding .* of a window depends on the input size"):
        export(graph, tmp_path / "m.onnx")
    graph = _windowed(ops.ConvTranspose((2,), ((n // 2, 0),), None, (1,)), 3, 4, 3)
    with pytest.raises(EmitError, match=r"net/window: the crop .* depends on the input size"):
        export(graph, tmp_path / "m.onnx")


@pytest.mark.parametrize("size", [1, 4, 7, 16])
@pytest.mark.parametrize("padding", ["same", ((symbol("n"), 2), (0, symbol("m") // 2))], ids=["same", "explicit"])
@pytest.mark.parametrize("strides", [(1, 2), (3, 1), (2, 2)], ids=str)
@pytest.mark.parametrize("dilation", [(2, 1), (1, 3), (2, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("depthwise", [False, True], ids=["conv", "depthwise"])
def test_dilation_and_strides_over_open_sizes(size, padding, strides, dilation, depthwise, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (1, symbol("n"), symbol("m"), 3)))
    kind = ops.DepthwiseConv if depthwise else ops.Conv
    weights = np.random.default_rng(0).standard_normal((2, 3, 3, 2)).astype(np.float32)
    graph.output("y", graph.add(kind(strides, padding, dilation), x, graph.constant(weights)).output)
    inputs = {"x": np.random.default_rng(1).standard_normal((1, size, 9, 3)).astype(np.float32)}
    found = run(export(graph, tmp_path / "m.onnx"), inputs)["y"]
    np.testing.assert_allclose(found, evaluate(graph, inputs, wide=True)["y"], rtol=0, atol=1e-5)


def test_an_emitter_of_the_wrong_type_is_caught() -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2,)))
    node = graph.add(ops.Relu(), x, origin="net/relu")
    with pytest.raises(EmitError, match=r"net/relu: relu was emitted as i64, not f32\[2\]"):
        Context(graph, MIN_OPSET).bind(node, Ref("x", DType.I64))


@pytest.mark.parametrize("form", ["conv", "depthwise", "transposed", "dense", "batch_norm", "group_norm"])
def test_weights_may_be_computed(form: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    parts: dict[str, tuple[ops.Op, list[tuple[int, ...]]]] = {
        "conv": (ops.Conv((1, 1), "same", (1, 1)), [(2, 5, 5, 3), (3, 3, 3, 4), (4,)]),
        "depthwise": (ops.DepthwiseConv((1, 1), "same", (1, 1)), [(2, 5, 5, 3), (3, 3, 3, 2), (6,)]),
        "transposed": (ops.ConvTranspose((2, 2), "same", None, (1, 1)), [(2, 5, 5, 3), (3, 3, 4, 3), (4,)]),
        "dense": (ops.Dense("relu"), [(2, 5, 3), (3, 4), (4,)]),
        "batch_norm": (ops.BatchNorm(1e-3), [(2, 5, 5, 3), (3,), (3,), (3,), (3,)]),
        "group_norm": (ops.GroupNorm(2, 1e-3), [(2, 5, 5, 4), (4,), (4,)]),
    }
    op, shapes = parts[form]
    graph = Graph()
    values = [graph.input(f"x{i}", TensorType(DType.F32, s)) for i, s in enumerate(shapes)]
    graph.output("y", graph.add(op, *values).output)
    inputs = {f"x{i}": rng.uniform(0.5, 1, s).astype(np.float32) for i, s in enumerate(shapes)}
    found = run(export(graph, tmp_path / "m.onnx"), inputs)["y"]
    want = evaluate(graph, inputs, wide=True)["y"]
    np.testing.assert_allclose(found, want, rtol=0, atol=2e-6 * np.abs(want).max())
