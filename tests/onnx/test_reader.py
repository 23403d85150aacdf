"""Artifacts read back: the contract, and damage that must not pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

from kexport import ops
from kexport.errors import EmitError
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import symbol
from kexport.ir.dim_parser import parse_dim
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_onnx import TARGET
from tests.onnx import nets
from tests.onnx.helper import export


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return export(nets.plain(), tmp_path / "net.onnx")


def test_the_contract_comes_back(tmp_path: Path) -> None:
    graph = Graph()
    ids = graph.input("ids", TensorType(DType.I32, (symbol("batch"), symbol("length"))))
    mask = graph.input("mask", TensorType(DType.BOOL, (3,)))
    graph.output("twice", graph.add(ops.Concat(1), ids, ids).output)
    graph.output("mask_out", graph.add(ops.LogicalNot(), mask).output)
    path = export(graph, tmp_path / "m.onnx")
    contract = TARGET.read_contract(path)
    assert contract == contract_of(graph)
    assert contract.outputs[0].type.shape[1] == parse_dim("2*length")


def test_the_structure_comes_back(tmp_path: Path) -> None:
    from kexport_onnx.options import OnnxOptions

    graph = nets.plain()
    TARGET.legalize(graph, OnnxOptions())
    plain = contract_of(graph)
    contract = Contract(plain.inputs, plain.outputs, {"image": 0}, [0])
    TARGET.write(graph, contract, tmp_path / "m.onnx", OnnxOptions())
    assert TARGET.read_contract(tmp_path / "m.onnx") == contract


def test_a_dimension_without_a_name_is_a_symbol(tmp_path: Path) -> None:
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3, "n"])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3, "n"])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [info], [out])
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    found = TARGET.read_contract(tmp_path / "m.onnx")
    assert found.inputs == (Port("x", TensorType.parse("f32[dim_0,3,n]")),)
    assert found.outputs == (Port("y", TensorType.parse("f32[dim_1,3,n]")),)


def _change(edit: Callable[[ModelProto], None]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        model = onnx.load(path)
        edit(model)
        path.write_bytes(model.SerializeToString())

    return apply


def _wrong_output(model: ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 6


def _short_weight(model: ModelProto) -> None:
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]


def _unknown_op(model: ModelProto) -> None:
    model.graph.node[0].op_type = "Convolute"


def _dangling(model: ModelProto) -> None:
    model.graph.node[1].input[0] = "nowhere"


def _odd_kernel(model: ModelProto) -> None:
    kernel = next(t for t in model.graph.initializer if len(t.dims) == 4)
    kernel.dims[0], kernel.dims[1] = kernel.dims[1], kernel.dims[0]


def _float8(model: ModelProto) -> None:
    model.graph.initializer[0].data_type = TensorProto.FLOAT8E5M2


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda p: p.write_bytes(b""), "the file is empty"),
    "cut": (lambda p: p.write_bytes(p.read_bytes()[:-100]), "cut off"),
    "text": (lambda p: p.write_text("not a model " * 9), "no ONNX model"),
    "no_graph": (lambda p: p.write_bytes(ModelProto(ir_version=9).SerializeToString()), "checker refuses"),
    "wrong_output": (_change(_wrong_output), "refuses the model"),
    "short_weight": (_change(_short_weight), "bytes, its shape needs"),
    "unknown_op": (_change(_unknown_op), "Convolute"),
    "dangling": (_change(_dangling), "nowhere"),
    "odd_kernel": (_change(_odd_kernel), "refuses the model"),
    "float8": (_change(_float8), "unknown element type"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found(kind: str, artifact: Path) -> None:
    damage, message = DAMAGE[kind]
    damage(artifact)
    with pytest.raises(EmitError, match=message) as e:
        TARGET.validate(artifact)
    assert e.value.where == str(artifact)


def test_a_missing_or_short_data_file_is_found(tmp_path: Path) -> None:
    path = export(nets.plain(), tmp_path / "net.onnx", external_data=True)
    beside = tmp_path / "net.data"
    beside.write_bytes(beside.read_bytes()[:-1])
    for _ in range(2):
        with pytest.raises(EmitError, match=r"net\.data does not hold the bytes of"):
            TARGET.validate(path)
        beside.unlink(missing_ok=True)


def test_a_damaged_contract_is_reported(artifact: Path) -> None:
    model = onnx.load(artifact)
    next(p for p in model.metadata_props if p.key == "kexport.contract").value = "{"
    onnx.save(model, artifact)
    with pytest.raises(EmitError, match="contract in the metadata is damaged"):
        TARGET.read_contract(artifact)


def test_an_onnx_that_is_too_old_for_a_file_is_told(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the one that goes with TensorFlow 2.16 is for files of the newest opsets."""
    monkeypatch.setattr(onnx, "IR_VERSION", 7)
    monkeypatch.setattr(onnx.defs, "onnx_opset_version", lambda: 17)
    with pytest.raises(EmitError, match=r"onnx \S+ checks files up to version 7, this one is of version \d+") as e:
        TARGET.validate(artifact)
    assert e.value.hint == "pip install -U onnx, or ask for an opset that it knows: -O onnx.opset=17"


def test_the_checker_sees_large_weights_as_inputs(artifact: Path) -> None:
    """The same model, every weight beyond protobuf's limit: the check must not need them in memory."""
    from kexport_onnx.reader import load_skeleton

    model, tensors = load_skeleton(artifact)
    assert not model.graph.initializer
    left_out = [size for _, size in tensors if size]
    assert left_out
    assert all(size >= 1024 for size in left_out)
    assert sum(len(t.SerializeToString()) for t, _ in tensors) + sum(left_out) < artifact.stat().st_size
    assert np.prod(tensors[0][0].dims) * 4 == tensors[0][1] or tensors[0][1] == 0


def test_an_input_of_an_unknown_element_type_is_reported(tmp_path: Path) -> None:
    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT8E5M2, [2]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", infos[:1], infos[1:])
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    with pytest.raises(EmitError, match="'x' has an element type that kexport does not know"):
        TARGET.read_contract(tmp_path / "m.onnx")
