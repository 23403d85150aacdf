"""What is read back: the contract, and every kind of damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest

from kexport import ops
from kexport.errors import EmitError
from kexport.ir.contract import Contract
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_tflite import TARGET
from kexport_tflite.lint import validate
from kexport_tflite.options import TfliteOptions
from kexport_tflite.reader import read_contract
from kexport_tflite.writer import schema
from tests.ops.cases_control import CASES
from tests.tflite.helper import RUNTIMES, export
from tests.tflite.nets import BATCH, conv_net


def _two_ends() -> Graph:
    graph = Graph("two ends")
    b = graph.input("zeta", TensorType(DType.F32, (BATCH, symbol("length"), 4)))
    a = graph.input("alpha", TensorType(DType.I32, (BATCH,)))
    graph.output("second", graph.add(ops.Relu(), b).output)
    graph.output("first", graph.add(ops.Cast(DType.F32), a).output)
    return graph


def test_contract_keeps_names_order_types_and_dims(tmp_path: Path) -> None:
    graph = _two_ends()
    contract = contract_of(graph)
    nested = Contract(contract.inputs, contract.outputs, {"b": 0, "a": 1}, [0, 1])
    path = tmp_path / "model.tflite"
    TARGET.legalize(graph, TfliteOptions())
    TARGET.write(graph, nested, path, TfliteOptions())
    assert read_contract(path) == nested


def test_the_contract_is_that_of_the_tensors(tmp_path: Path) -> None:
    """Metadata only names dims: sizes, types and order are the file's own."""
    path = export(_two_ends(), tmp_path / "model.tflite")

    def change(model: Any) -> None:
        model.subgraphs[0].tensors[0].shapeSignature = np.array([-1, 7, 4], np.int32)
        model.subgraphs[0].tensors[0].shape = np.array([1, 7, 4], np.int32)

    _edit(path, change)
    assert str(read_contract(path).inputs[0].type) == "f32[batch,7,4]"


def test_dims_without_metadata_get_names(tmp_path: Path) -> None:
    path = export(_two_ends(), tmp_path / "model.tflite")
    _edit(path, lambda model: setattr(model, "metadata", []))
    contract = read_contract(path)
    assert [str(p.type) for p in contract.inputs] == ["f32[zeta_0,zeta_1,4]", "i32[alpha_0]"]
    assert contract.input_structure is None


def test_an_output_that_is_an_input_or_a_constant_gets_a_tensor_of_its_own(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, 3)))
    y = graph.add(ops.Exp(), x).output
    for name, value in (("same", x), ("y", y), ("again", y), ("fixed", graph.constant(np.arange(3, dtype=np.int32)))):
        graph.output(name, value)
    path = export(graph, tmp_path / "model.tflite")
    assert read_contract(path) == contract_of(graph)
    inputs = {"x": np.ones((2, 3), np.float32)}
    for runtime in RUNTIMES.values():
        found = runtime.load(path).run(inputs)
        np.testing.assert_array_equal(found["same"], inputs["x"])
        np.testing.assert_allclose(found["again"], np.exp(inputs["x"]), rtol=1e-6)
        np.testing.assert_array_equal(found["y"], found["again"])
        np.testing.assert_array_equal(found["fixed"], [0, 1, 2])


def _edit(path: Path, change: Callable[[Any], None]) -> None:
    s = schema()
    model = s.ModelT.InitFromObj(s.Model.GetRootAs(path.read_bytes(), 0))
    change(model)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())


def _set(**fields: Any) -> Callable[[Any], None]:
    return lambda part: [setattr(part, k, v) for k, v in fields.items()] and None


DAMAGE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "version": (lambda m: _set(version=4)(m), "schema version 4, known is 3"),
    "custom operator": (lambda m: _set(builtinCode=32, deprecatedBuiltinCode=32)(m.operatorCodes[0]), "CUSTOM is not"),
    "operator version": (lambda m: _set(version=77)(m.operatorCodes[0]), "of version 77, not in"),
    "no code": (lambda m: _set(opcodeIndex=99)(m.subgraphs[0].operators[0]), "operator 0 has no code"),
    "no tensor": (lambda m: _set(inputs=np.array([999], np.int32))(m.subgraphs[0].operators[0]), "names a tensor that"),
    "no buffer": (lambda m: _set(buffer=999)(m.subgraphs[0].tensors[1]), "has no buffer"),
    "short constant": (lambda m: _shorten(m), "bytes, its shape needs"),
    "order": (lambda m: m.subgraphs[0].operators.reverse(), "before it is written"),
    "no producer": (lambda m: m.subgraphs[0].operators.pop(), "an output is never written"),
    "no signature": (lambda m: _set(signatureDefs=[])(m), "there is no signature 'serving_default'"),
    "other signature": (lambda m: m.signatureDefs[0].inputs.clear(), "does not name the inputs of the graph"),
}


def _shorten(model: Any) -> None:
    constant = next(b for b in model.buffers if b.data is not None and len(b.data) > 64)
    constant.data = np.asarray(constant.data)[:-4]


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found(name: str, tmp_path: Path) -> None:
    change, message = DAMAGE[name]
    path = export(conv_net(BATCH), tmp_path / "model.tflite")
    _edit(path, lambda m: None)
    validate(path)
    _edit(path, change)
    with pytest.raises(EmitError, match=message):
        validate(path)


BODY_DAMAGE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "no subgraph": (lambda m: _set(bodySubgraphIndex=9)(_loop(m)), "WHILE names subgraph 9, which is no body"),
    "itself": (lambda m: _set(condSubgraphIndex=0)(_loop(m)), "WHILE names subgraph 0, which is no body"),
    "exchanged": (lambda m: _set(bodySubgraphIndex=1)(_loop(m)), r"needs a body with \(4, 4\) inputs and outputs, not"),
    "order": (lambda m: m.subgraphs[2].operators.reverse(), "before it is written"),
}


def _loop(model: Any) -> Any:
    return next(
        o.builtinOptions for o in model.subgraphs[0].operators if hasattr(o.builtinOptions, "bodySubgraphIndex")
    )


@pytest.mark.parametrize("name", BODY_DAMAGE)
def test_damage_in_bodies_is_found(name: str, tmp_path: Path) -> None:
    change, message = BODY_DAMAGE[name]
    case = next(c for c in CASES if c.id == "while")
    path = export(case.graph(), tmp_path / "model.tflite")
    _edit(path, change)
    with pytest.raises(EmitError, match=message):
        validate(path)


@pytest.mark.parametrize("keep", [0, 4, 8, 100, 2000, -1000])
def test_a_file_cut_off_is_an_error(keep: int, tmp_path: Path) -> None:
    path = export(conv_net(BATCH), tmp_path / "model.tflite")
    data = path.read_bytes()
    path.write_bytes(data[:keep])
    with pytest.raises(EmitError):
        validate(path)


def test_another_file_is_not_taken_for_a_model(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"PK\x03\x04 not a model at all")
    with pytest.raises(EmitError, match="this is no TF Lite model"):
        read_contract(path)
    with pytest.raises(EmitError, match="the model cannot be read: No such file"):
        read_contract(tmp_path / "nothing.tflite")


def test_a_damaged_contract_is_an_error(tmp_path: Path) -> None:
    path = export(conv_net(BATCH), tmp_path / "model.tflite")
    path.write_bytes(path.read_bytes().replace(b'{"inputs":[{', b'{"inputs":[['))
    with pytest.raises(EmitError, match="the contract in the metadata is damaged"):
        read_contract(path)


def test_default_sizes_fit_every_window(tmp_path: Path) -> None:
    """A file must load before it is resized: CompiledModel plans memory at once."""
    graph = Graph()
    size = symbol("size")
    x = graph.input("x", TensorType(DType.F32, (BATCH, size, size, 3)))
    y = graph.add(ops.MaxPool((5, 5), (2, 2), "valid"), graph.add(ops.MaxPool((5, 5), (2, 2), "valid"), x).output)
    graph.output("y", y.output)
    path = export(graph, tmp_path / "model.tflite")
    model = schema().ModelT.InitFromObj(schema().Model.GetRootAs(path.read_bytes(), 0))
    shapes = [t.shape.tolist() for t in model.subgraphs[0].tensors]
    assert shapes == [[1, 16, 16, 3], [1, 1, 1, 3], [1, 6, 6, 3]]
    inputs = {"x": np.random.default_rng(0).normal(size=(2, 20, 20, 3)).astype(np.float32)}
    for runtime in RUNTIMES.values():
        assert runtime.load(path).run(inputs)["y"].shape == (2, 2, 2, 3)
