"""The target as a whole: nothing of the vocabulary is forgotten, same bytes, options, refusals, the data file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kexport import ops
from kexport.errors import ConfigError, EmitError, UnsupportedError
from kexport.ir.dim import symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport_coreml import TARGET, proto
from kexport_coreml.dtypes import CODES, NAMES
from kexport_coreml.options import CoremlOptions
from kexport_coreml.reader import read_model
from kexport_coreml.runtime import load_with_coremltools
from kexport_coreml.signatures import MAY_LACK, OPSETS, find_signature
from tests.coreml.helper import export, kinds, operations, run
from tests.coreml.registry import DATA, read_registry
from tests.onnx import nets


def test_signatures_are_those_of_coremltools() -> None:
    assert json.loads(DATA.read_text("utf-8")) == json.loads(json.dumps(read_registry()))


def test_parameters_that_may_be_left_out_exist() -> None:
    for kind, names in MAY_LACK.items():
        known = {n for ios in OPSETS if (s := find_signature(kind, ios)) for n in s.inputs}
        assert names <= known, kind


def test_codes_are_those_of_the_format() -> None:
    codes = proto.mil().DataType
    long = {"fp16": "FLOAT16", "fp32": "FLOAT32", "fp64": "FLOAT64"}
    assert {d: codes.Value(long.get(n, n.upper())) for d, n in NAMES.items()} == dict(CODES)


def test_same_bytes(tmp_path: Path) -> None:
    first, second = (export(nets.decoder(), tmp_path / str(i) / "net.mlpackage") for i in range(2))
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert [str(f) for f in files] == [
        "Data/com.apple.CoreML/model.mlmodel",
        "Data/com.apple.CoreML/weights/weight.bin",
        "Manifest.json",
    ]
    for file in files:
        assert (first / file).read_bytes() == (second / file).read_bytes()


def test_every_weight_is_stored_once(tmp_path: Path) -> None:
    """Behind a flattened convolution the rows of a dense layer are permuted; the first order is not kept."""
    net = nets.Net(4, 4, channels=8)
    weight = np.random.default_rng(0).standard_normal((4 * 4 * 8, 32)).astype(np.float32)
    flat = net.add(ops.Reshape((nets.BATCH, 4 * 4 * 8)), net.conv(net.x, 8))
    path = export(net.done(net.add(ops.Dense(), flat, net.graph.constant(weight, "w"))), tmp_path / "net.mlpackage")
    blob = path / "Data/com.apple.CoreML/weights/weight.bin"
    assert weight.nbytes < blob.stat().st_size < 2 * weight.nbytes
    read = {name for o in operations(path) for v in o.inputs.values() for a in v.arguments for name in [a.name]}
    assert {o.outputs[0].name for o in operations(path) if o.type == "const"} <= read


@pytest.mark.parametrize("ios", OPSETS)
def test_the_deployment_decides_opset_and_version(ios: int, tmp_path: Path) -> None:
    model = read_model(export(nets.plain(), tmp_path / "net.mlpackage", deployment=f"ios{ios}"))
    opset, version = OPSETS[ios]
    assert (model.specificationVersion, model.mlProgram.functions["main"].opset) == (version, opset)


def test_names_are_changed_only_where_core_ml_demands_it(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("encoder/input:0", TensorType(DType.F32, (2,)))
    y = graph.input("2nd", TensorType(DType.F32, (2,)))
    graph.output("plain_name", graph.add(ops.Add(), x, y).output)
    graph.output("sum/1", graph.add(ops.Sub(), x, y).output)
    path = export(graph, tmp_path / "m.mlpackage")
    description = read_model(path).description
    assert [f.name for f in description.input] == ["encoder_input_0", "_2nd"]
    assert [f.name for f in description.output] == ["plain_name", "sum_1"]
    assert [p.name for p in TARGET.read_contract(path).inputs] == ["encoder/input:0", "2nd"]
    found = run(path, {"encoder/input:0": np.float32([3, 4]), "2nd": np.float32([1, 1])})
    np.testing.assert_array_equal(found["sum/1"], [2, 3])


def test_inputs_as_outputs_and_one_result_twice(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2,)))
    y = graph.add(ops.Neg(), x).output
    for name, value in {"a": y, "b": y, "c": x, "d": graph.constant(np.float32([5, 6]))}.items():
        graph.output(name, value)
    found = run(export(graph, tmp_path / "m.mlpackage"), {"x": np.float32([1, 2])})
    wanted = {"a": [-1, -2], "b": [-1, -2], "c": [1, 2], "d": [5, 6]}
    assert {k: v.tolist() for k, v in found.items()} == wanted


@pytest.mark.parametrize(("begin", "end"), [(1, 0), (3, 0), (3, 1)])
def test_steps_before_the_end_of_an_open_axis_are_counted(begin: int, end: int, tmp_path: Path) -> None:
    """Core ML is to know how many there are, since an axis that is dropped has to be 1."""
    length = symbol("length")
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2, length)))
    width = begin - end
    last = graph.add(ops.Slice((0, length - begin), (2, length - end), (1, 1)), x).output
    flat = graph.add(ops.Reshape((2,) if width == 1 else (2 * width,)), last).output
    graph.output("y", graph.add(ops.Exp(), flat).output)
    data = np.linspace(-1, 1, 10, dtype=np.float32).reshape(2, 5)
    path = export(graph, tmp_path / "m.mlpackage")
    load_with_coremltools(path)
    found = run(path, {"x": data})["y"]
    np.testing.assert_allclose(found, np.exp(data[:, 5 - begin : 5 - end].reshape(-1)), rtol=1e-6)


@pytest.mark.parametrize("dtype", [DType.BOOL, DType.I64, DType.U8, DType.F64, DType.F16, DType.BF16], ids=str)
def test_types_that_core_ml_lacks_at_the_border(dtype: DType, tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(dtype, (3,)))
    graph.output("y", graph.add(ops.Reverse((0,)), x).output)
    graph.output("scalar", graph.add(ops.Slice((0,), (1,), (1,)), x).output)
    path = export(graph, tmp_path / "m.mlpackage")
    data = np.array([0, 1, 1]).astype(dtype.numpy)
    found = run(path, {"x": data})
    np.testing.assert_array_equal(found["y"], data[::-1])
    assert found["y"].dtype == dtype.numpy


def test_single_numbers_have_one_axis_at_the_border(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, ()))
    graph.output("y", graph.add(ops.Exp(), x).output)
    path = export(graph, tmp_path / "m.mlpackage")
    assert list(read_model(path).description.input[0].type.multiArrayType.shape) == [1]
    assert TARGET.read_contract(path).inputs[0].type == TensorType(DType.F32, ())
    found = run(path, {"x": np.float32(0)})["y"]
    assert (found.shape, float(found)) == ((), 1.0)


def test_large_integers_are_refused(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.I64, (1,)))
    graph.output("y", graph.add(ops.Add(), x, graph.constant(np.int64([1 << 40])), origin="net/hash").output)
    with pytest.raises(EmitError, match="net/hash: a constant does not fit into int32"):
        export(graph, tmp_path / "m.mlpackage")


@pytest.mark.parametrize("deployment", ["ios15", "ios16", "ios18"])
@pytest.mark.parametrize(("low", "high"), [(-128, 127), (0, 255), (-300, 300)])
def test_many_small_integers_are_stored_in_a_byte_each(deployment: str, low: int, high: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    graph = Graph()
    ids = graph.input("ids", TensorType(DType.I32, (3,)))
    table = rng.integers(low, high, (64, 32), endpoint=True).astype(np.int32)
    rows = graph.add(ops.Gather(0), graph.constant(table, "table"), ids).output
    weights = graph.constant(rng.integers(low, high, (32, 64), endpoint=True).astype(np.int16), "weights")
    product = graph.add(ops.MatMul(), rows, graph.add(ops.Cast(DType.I32), weights).output).output
    graph.output("y", product)
    graph.output("z", graph.add(ops.Cast(DType.F32), weights).output)
    path = export(graph, tmp_path / "m.mlpackage", deployment=deployment)
    inputs = {"ids": np.int32([5, 0, 63])}
    want = evaluate(graph, inputs)
    for name, found in run(path, inputs).items():
        np.testing.assert_array_equal(found, want[name])
    packed = high - low < 256 and deployment != "ios15"
    assert kinds(path)["constexpr_affine_dequantize"] == (2 if packed else 0)
    load_with_coremltools(path)


def test_types_and_ranks_that_core_ml_lacks_are_refused_by_layer_path(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.C64, (2,)))
    graph.output("y", graph.add(ops.Neg(), x, origin="net/fft").output)
    with pytest.raises(UnsupportedError, match=r"net/fft: neg: Core ML knows no complex numbers"):
        export(graph, tmp_path / "m.mlpackage")
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2,)))
    graph.output("y", graph.add(ops.Reshape((1, 1, 1, 1, 1, 2)), x, origin="net/deep").output)
    with pytest.raises(UnsupportedError, match=r"net/deep: reshape: Core ML has tensors of up to 5 axes"):
        export(graph, tmp_path / "m.mlpackage")


def test_windows_are_moved_with_at_most_five_axes(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (symbol("batch"), 6, 4, 3)))
    y = graph.add(ops.Reshape((symbol("batch"), 3, 2, 2, 2, 3)), x).output
    y = graph.add(ops.Transpose((0, 1, 3, 2, 4, 5)), y).output
    graph.output("y", graph.add(ops.Reshape((6 * symbol("batch"), 4, 3)), y).output)
    path = export(graph, tmp_path / "m.mlpackage")
    data = np.arange(144, dtype=np.float32).reshape(2, 6, 4, 3)
    want = data.reshape(2, 3, 2, 2, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(12, 4, 3)
    np.testing.assert_array_equal(run(path, {"x": data})["y"], want)


@pytest.mark.parametrize("net", nets.NETS)
def test_no_transposes_inside(net: object, tmp_path: Path) -> None:
    inside = {nets.decoder: 1, nets.zero_padded_pools: 1, nets.any_size: 1}
    path = export(net(), tmp_path / "net.mlpackage")  # type: ignore[operator]
    assert kinds(path)["transpose"] == 1 + inside.get(net, 0)  # type: ignore[call-overload]


def test_an_operation_that_came_later_is_written_out(tmp_path: Path) -> None:
    graph = Graph()
    n = symbol("n")
    x = graph.input("x", TensorType(DType.F32, (1, n, n, 2)))
    graph.output("y", graph.add(ops.Resize((2 * n, 2 * n), "bilinear"), x, origin="net/up").output)
    assert kinds(export(graph, tmp_path / "m.mlpackage", deployment="ios16"))["upsample_bilinear"] == 1
    path = export(graph, tmp_path / "n.mlpackage", deployment="ios15")
    assert kinds(path)["upsample_bilinear"] == 0
    image = np.random.default_rng(0).standard_normal((1, 5, 5, 2)).astype(np.float32)
    np.testing.assert_allclose(run(path, {"x": image})["y"], evaluate(graph, {"x": image})["y"], atol=1e-5)


def test_an_unknown_size_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"'length=9\.\.3' gives no sizes"):
        CoremlOptions(sizes="length=9..3")
    with pytest.raises(ConfigError, match="limit of sizes must be at least 1"):
        CoremlOptions(limit=0)
