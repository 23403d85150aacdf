"""Opsets as low as the graph allows, and the ONNX Runtime that an artifact needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from kexport import ops
from kexport.errors import ConfigError, UnsupportedError
from kexport.ir.dim import symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Op
from kexport.ir.types import DType, TensorType
from kexport_onnx import TARGET
from kexport_onnx.options import OnnxOptions
from kexport_onnx.versions import IR_VERSIONS, MAX_OPSET, OLDEST, first_release, newest_opset, parse_release
from tests.onnx import nets
from tests.onnx.helper import export, kinds, optimized_kinds, run

N = symbol("n")


def single(op: Op, *types: TensorType, origin: str = "net/layer") -> Graph:
    graph = Graph(op.name)
    values = [graph.input(f"x{i}", type) for i, type in enumerate(types)]
    for i, value in enumerate(graph.add(op, *values, origin=origin).outputs):
        graph.output(f"y{i}", value)
    return graph


def runs_in(path: Path) -> str:
    return TARGET.facts(path)["onnxruntime"]


def quantized() -> Graph:
    graph = Graph("quantized")
    x = graph.input("x", TensorType(DType.F32, (2, 64)))
    w = graph.constant(np.resize(np.arange(-8, 7), (64, 64)).astype(np.int8), "w")
    graph.output("y", graph.add(ops.Dense(), x, graph.add(ops.Cast(DType.F32), w).output).output)
    return graph


@pytest.mark.parametrize("net", nets.NETS)
def test_conv_nets_run_in_the_oldest_release(net, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = export(net(), tmp_path / "m.onnx", optimize=True)
    model = onnx.load(path)
    assert (model.opset_import[0].version, model.ir_version) == (18, 8)
    assert runs_in(path) == str(OLDEST) == "1.14"
    assert TARGET.facts(path)["runs_in"] == "ONNX Runtime 1.14 or newer"


F32 = TensorType(DType.F32, (N, 8))


@pytest.mark.parametrize(
    ("graph", "opset", "release"),
    [
        (single(ops.Gelu(False), F32), 18, "1.14"),
        (single(ops.Gelu(True), F32), 18, "1.14"),
        (single(ops.RmsNorm((1,), 1e-3), F32, TensorType(DType.F32, (8,))), 18, "1.14"),
        (single(ops.CumProd(1), F32), 18, "1.14"),
        (single(ops.CumProd(0), F32), 18, "1.14"),
        (single(ops.ChangeCase(True), TensorType(DType.STRING, (N,))), 18, "1.14"),
        (single(ops.SplitText(3), TensorType(DType.STRING, (N,))), 20, "1.17"),
        (single(ops.Equal(), *[TensorType(DType.STRING, (N,))] * 2), 19, "1.17"),
        (single(ops.ArgMax(1), TensorType(DType.I64, (N, 3))), 18, "1.20"),
        (single(ops.Less(), *[TensorType(DType.U64, (N, 3))] * 2), 18, "1.21"),
        (single(ops.Less(), *[TensorType(DType.U8, (N, 3))] * 2), 18, "1.14"),
        (single(ops.MatMul(transpose_b=True), *[TensorType(DType.F64, (N, 3))] * 2), 18, "1.26"),
        (single(ops.Resize((24, 16), "bicubic"), TensorType(DType.F32, (N, 8, 8, 3))), 18, "1.22"),
        (single(ops.Resize((24, 16), "bilinear"), TensorType(DType.F32, (N, 8, 8, 3))), 18, "1.14"),
        (quantized(), 21, "1.23"),
    ],
    ids=lambda v: v.name if isinstance(v, Graph) else str(v),
)
def test_the_lowest_opset_that_the_graph_needs(graph: Graph, opset: int, release: str, tmp_path: Path) -> None:
    path = export(graph, tmp_path / "m.onnx")
    model = onnx.load(path)
    assert (model.opset_import[0].version, model.ir_version) == (opset, IR_VERSIONS[opset])
    assert runs_in(path) == release


def test_a_chosen_opset_is_written_with_its_own_nodes(tmp_path: Path) -> None:
    graph = single(ops.RmsNorm((1,), 1e-3), F32, TensorType(DType.F32, (8,)))
    assert kinds(export(graph, tmp_path / "m.onnx", opset=23)) == {"RMSNormalization": 1}
    assert runs_in(tmp_path / "m.onnx") == "1.23"
    assert kinds(export(single(ops.Gelu(False), F32), tmp_path / "m.onnx", opset=20)) == {"Gelu": 1}


@pytest.mark.parametrize(
    ("op", "fused"),
    [
        (ops.Gelu(False), "Gelu"),
        (ops.Gelu(True), "FastGelu"),
        (ops.RmsNorm((1,), 1e-3), "SimplifiedLayerNormalization"),
    ],
    ids=["gelu", "tanh", "rms"],
)
def test_what_an_old_opset_lacks_is_one_kernel_all_the_same(op: Op, fused: str, tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", F32)
    weights = [graph.constant(np.linspace(1, 2, 8).astype(np.float32))] if isinstance(op, ops.RmsNorm) else []
    graph.output("y", graph.add(ops.Abs(), graph.add(op, x, *weights).output).output)
    path = export(graph, tmp_path / "m.onnx")
    assert optimized_kinds(path) == {fused: 1, "Abs": 1}
    if not weights:
        inputs = {"x": np.array([[-3e38, -9, -1, -1e-30, 0, 0.5, 7, 3e38]], np.float32)}
        found = run(path, inputs)["y"]
        want = evaluate(graph, inputs, wide=True)["y"]
        np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [DType.F16, DType.F32], ids=str)
def test_squares_of_half_precision_do_not_overflow(dtype: DType, tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(dtype, (2, 4)))
    gamma = graph.constant(np.ones(4, dtype.numpy))
    graph.output("y", graph.add(ops.RmsNorm((1,), 1e-3), x, gamma).output)
    inputs = {"x": np.array([[3e4, -6e4, 1, 2], [1, 2, 3, 4]], dtype.numpy)}
    found = run(export(graph, tmp_path / "m.onnx"), inputs)["y"]
    np.testing.assert_allclose(found, evaluate(graph, inputs, wide=True)["y"], rtol=2e-3)


def test_a_release_is_asked_for(tmp_path: Path) -> None:
    path = export(quantized(), tmp_path / "m.onnx", runtime="1.17")
    assert onnx.load(path).opset_import[0].version == 18
    assert runs_in(path) == "1.14"
    assert {i.data_type for i in onnx.load(path).graph.initializer} == {onnx.TensorProto.INT8}
    path = export(quantized(), tmp_path / "m.onnx", runtime="1.23.2")
    assert {i.data_type for i in onnx.load(path).graph.initializer} == {onnx.TensorProto.INT4}


def test_what_a_release_lacks_is_refused_by_layer(tmp_path: Path) -> None:
    graph = single(ops.Less(), *[TensorType(DType.U64, (N, 3))] * 2, origin="net/ids")
    with pytest.raises(UnsupportedError, match=r"net/ids: Less: ONNX Runtime runs it for u64 since 1\.21") as e:
        export(graph, tmp_path / "m.onnx", runtime="1.17")
    assert e.value.hint == "-O onnx.runtime=1.21 runs all of it"
    assert runs_in(export(graph, tmp_path / "m.onnx", runtime="1.21")) == "1.21"
    text = single(ops.SplitText(3), TensorType(DType.STRING, (N,)), origin="net/words")
    with pytest.raises(UnsupportedError, match="net/words: split_text: opset 19 has none on text; choose opset 20"):
        export(text, tmp_path / "m.onnx", runtime="1.16")


@pytest.mark.parametrize(
    ("options", "what", "hint"),
    [
        ({"runtime": "1.13"}, "ONNX Runtime 1.13 is not supported: it has no opset 18", "choose 1.14 or newer"),
        ({"runtime": "new"}, "'new' is no version of ONNX Runtime", "for example 1.17"),
        ({"runtime": "1.17", "opset": 21}, "ONNX Runtime 1.17 has no opset 21", "choose opset 20 or older, or leave"),
    ],
)
def test_other_releases_are_refused(options, what: str, hint: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match=what) as e:
        OnnxOptions(**options)
    assert str(e.value.hint).startswith(hint)


def test_every_opset_has_a_release() -> None:
    assert [str(first_release(o)) for o in (18, 19, 20, 21, 22, 23, 24, 25, 26)] == [
        "1.14",
        "1.15",
        "1.17",
        "1.18",
        "1.21",
        "1.23",
        "1.24",
        "1.24",
        "1.25",
    ]
    assert [newest_opset(parse_release(r)) for r in ("1.14", "1.16", "1.17.3", "1.20", "1.22", "1.99", "2.0")] == [
        18,
        19,
        20,
        21,
        22,
        MAX_OPSET,
        MAX_OPSET,
    ]
