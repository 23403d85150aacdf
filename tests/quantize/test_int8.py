"""Models in eight bits: what the graph says, what each format holds, and what is found when an artifact is spoiled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.engines.runner import run_here
from kexport.evidence.batches import Batch
from kexport.evidence.reference_file import Recording
from kexport.ir.evaluator import evaluate
from kexport.ir.types import DType
from kexport.locate.divergence import Subject
from kexport.proof.steps import Steps
from kexport.quantize.graph.parameters import for_bias, for_range, for_weights
from kexport.quantize.steps import loss_between
from kexport.rewrite.grids import grid_of
from kexport.target import find_target
from tests.quantize.nets import MODELS, Net, net, write


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines run in this process."""
    monkeypatch.setattr("kexport.proof.steps.run_artifact", run_here)


def judged(made: Net, target: str, path: Path, runtime: str) -> Any:
    found = find_target(target)
    engine = next(r for r in found.runtimes() if r.name == runtime)
    subject = Subject(path, found, found.options(), made.contract, made.quantized)
    recording = Recording(Batch("own", "sample", {"batch": 16}, made.inputs), {})
    return Steps(subject, [recording]).judge(engine, (), 60.0)


# --- the graph


@pytest.mark.parametrize("name", MODELS)
def test_little_is_lost(name: str) -> None:
    made = net(name)
    pair = evaluate(made.graph, made.inputs), evaluate(made.quantized, made.inputs)
    loss = loss_between([pair])
    assert loss.snr > 30
    assert loss.agreement >= 0.9


@pytest.mark.parametrize("name", MODELS)
def test_rectifiers_are_folded_into_ranges(name: str) -> None:
    left = [n.op.name for n in net(name).quantized.nodes if isinstance(n.op, ops.Relu | ops.Relu6 | ops.Clip)]
    assert left == []


def test_zero_is_on_every_grid_and_weights_have_a_scale_for_each_channel() -> None:
    made = net("images")
    constants = [n for n in made.quantized.nodes if isinstance(n.op, ops.Dequantize) and n.inputs[0].data is not None]
    weights = [n for n in constants if n.inputs[0].type.dtype is DType.I8 and n.inputs[0].type.rank > 1]
    assert len(weights) == 5
    for node in weights:
        grid = grid_of(node)
        assert grid is not None
        assert grid.scales.size == node.inputs[0].type.shape[grid.axis or 0]
        assert not grid.zeros.any()
        data = node.inputs[0].data
        assert data is not None
        assert data.min() >= -127
    assert {n.inputs[0].type.dtype for n in constants} == {DType.I8, DType.I32}


def test_ranges_and_weights_become_grids() -> None:
    grid = for_range(-1.0, 3.0, DType.I8)
    assert float(grid.scale) == np.float32(4 / 255)
    assert int(grid.zero_point) == -64
    symmetric = for_range(-1.0, 3.0, DType.I16, symmetric=True)
    assert int(symmetric.zero_point) == 0
    data = np.array([[1.0, -8.0], [0.5, 4.0]], np.float32)
    integers, found = for_weights(data, DType.I8, 1, "minmax")
    np.testing.assert_allclose(found.scale, [1 / 127, 8 / 127], rtol=1e-6)
    np.testing.assert_array_equal(integers, [[127, -127], [64, 64]])
    bias = for_bias(np.array([1.0, -1.0], np.float32), np.array(0.5, np.float32), found)
    assert bias is not None
    np.testing.assert_array_equal(bias[0], np.rint([254, -254 / 8]))
    assert for_bias(np.array([1e30, 1.0], np.float32), np.array(0.5, np.float32), found) is None


def test_the_least_squared_error_cuts_an_outlier_off() -> None:
    data = np.append(np.random.default_rng(0).normal(size=4000), 8.0).astype(np.float32)[:, None]
    errors = {}
    for rule in ("minmax", "mse"):
        integers, grid = for_weights(data, DType.I8, 1, rule)
        errors[rule] = float(np.square(integers * grid.scale - data).sum())
    assert errors["mse"] <= errors["minmax"]


def test_only_weights() -> None:
    made = net("images", "int8-weights")
    assert not [n for n in made.quantized.nodes if isinstance(n.op, ops.Quantize)]
    pair = evaluate(made.graph, made.inputs), evaluate(made.quantized, made.inputs)
    assert loss_between([pair]).snr > 40


# --- the formats


CHAINS = ("images", "series")
"""Models with one output, behind all of their layers."""


@pytest.mark.parametrize("name", CHAINS)
def test_tflite_computes_in_integers(name: str, tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(write(net(name), "tflite", tmp_path / "m.tflite")))
    details = interpreter._get_ops_details()
    kinds = [d["op_name"] for d in details]
    assert kinds.count("QUANTIZE") <= 2, "one at the input, one where grids are joined"
    assert kinds.count("DEQUANTIZE") == 1
    types = {t["index"]: t["dtype"] for t in interpreter.get_tensor_details()}
    inner = [d for d in details if d["op_name"] not in ("QUANTIZE", "DEQUANTIZE", "DELEGATE")]
    assert {types[o] for d in inner for o in d["outputs"]} == {np.int8}


@pytest.mark.parametrize("name", CHAINS)
def test_onnx_runtime_makes_integer_nodes_of_it(name: str, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    path = write(net(name), "onnx", tmp_path / "m.onnx")
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    kinds = [n.op_type for n in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert "QLinearConv" in kinds
    assert "Conv" not in kinds
    assert "Add" not in kinds
    assert "Cast" not in kinds, "biases are int32 on the grid of the products"
    assert "QLinearMatMul" in kinds or "QGemm" in kinds


def test_scales_are_the_same_in_both_formats(tmp_path: Path) -> None:
    import onnx
    from ai_edge_litert.interpreter import Interpreter

    made = net("images")
    interpreter = Interpreter(model_path=str(write(made, "tflite", tmp_path / "m.tflite")))
    integer = [t["quantization"] for t in interpreter.get_tensor_details() if t["dtype"] is np.int8]
    ours = {(np.float32(s), int(z)) for s, z in integer if s}
    model = onnx.load(write(made, "onnx", tmp_path / "m.onnx"))
    known = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    quantizing = [n for n in model.graph.node if n.op_type == "QuantizeLinear"]
    assert {known[n.input[2]].dtype for n in quantizing} == {np.dtype(np.uint8)}, "int8 moved by 128"
    theirs = {(np.float32(known[n.input[1]]), int(known[n.input[2]]) - 128) for n in quantizing}
    assert len(theirs) > 8
    assert theirs <= ours


RUNTIMES = [("tflite", "litert-xnnpack"), ("tflite", "litert-reference"), ("onnx", "onnxruntime-cpu")]


@pytest.mark.parametrize(("target", "runtime"), RUNTIMES)
@pytest.mark.parametrize("name", MODELS)
def test_every_step_is_right(name: str, target: str, runtime: str, tmp_path: Path) -> None:
    made = net(name)
    path = write(made, target, tmp_path / f"m{find_target(target).suffix}")
    inner = judged(made, target, path, runtime)
    assert inner.fault == ""
    assert inner.missing == ""
    assert inner.agree >= 5


# --- faults


def tensors_of(model: Any, kind: str) -> list[Any]:
    """Tensors of a TF Lite model: weights, biases, or what is computed."""
    graph = model.subgraphs[0]
    found = []
    for tensor in graph.tensors:
        data = model.buffers[tensor.buffer].data
        constant = data is not None and len(data) > 0
        q = tensor.quantization
        if q is None or q.scale is None or not len(q.scale):
            continue
        bias = tensor.type == 2
        if kind == ("bias" if bias else "weights" if constant else "computed"):
            found.append(tensor)
    return found


def neighbour(model: Any) -> None:
    tensor = tensors_of(model, "weights")[0]
    tensor.quantization.scale = np.roll(tensor.quantization.scale, 1)


def zero_point(model: Any) -> None:
    for tensor in tensors_of(model, "computed")[2:3]:
        tensor.quantization.zeroPoint = tensor.quantization.zeroPoint + 8


def scale(model: Any) -> None:
    for tensor in tensors_of(model, "computed")[2:3]:
        tensor.quantization.scale = tensor.quantization.scale * np.float32(1.1)


def bias(model: Any) -> None:
    tensor = tensors_of(model, "bias")[-1]
    data = np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.int32)
    model.buffers[tensor.buffer].data = np.frombuffer((data * 2 + 50).tobytes(), np.uint8)


def no_bias(model: Any) -> None:
    tensor = tensors_of(model, "bias")[1]
    size = len(model.buffers[tensor.buffer].data)
    model.buffers[tensor.buffer].data = np.frombuffer(np.full(size // 4, 4000, np.int32).tobytes(), np.uint8)


def weight(model: Any) -> None:
    tensor = tensors_of(model, "weights")[1]
    data = np.array(model.buffers[tensor.buffer].data, np.uint8).copy()
    data[:4] ^= 0x70
    model.buffers[tensor.buffer].data = data


def weights_shifted(model: Any) -> None:
    tensor = tensors_of(model, "weights")[0]
    data = np.array(model.buffers[tensor.buffer].data, np.uint8)
    model.buffers[tensor.buffer].data = np.roll(data, 1)


def doubled(model: Any) -> None:
    tensor = tensors_of(model, "weights")[-1]
    tensor.quantization.scale = tensor.quantization.scale * np.float32(2)


FAULTS: dict[str, Callable[[Any], None]] = {
    f.__name__: f for f in (neighbour, zero_point, scale, bias, no_bias, weight, weights_shifted, doubled)
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_spoiled_artifact_is_found(fault: str, tmp_path: Path) -> None:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    made = net("images")
    path = write(made, "tflite", tmp_path / "m.tflite")
    model = schema.ModelT.InitFromPackedBuf(bytearray(path.read_bytes()), 0)
    FAULTS[fault](model)
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    inner = judged(made, "tflite", path, "litert-reference")
    assert ("another grid" if fault == "scale" else "integers off at") in inner.fault
