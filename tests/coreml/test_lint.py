"""What the linter finds in packages that were damaged on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.errors import EmitError
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport_coreml import TARGET
from kexport_coreml.lint import lint
from kexport_coreml.reader import read_model
from kexport_coreml.writer import main_block, set_immediate, set_type
from tests.coreml.helper import export
from tests.onnx.nets import any_size, plain, squeeze_excite

INSIDE = Path("Data") / "com.apple.CoreML"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return export(plain(), tmp_path / "net.mlpackage")


def change(path: Path, edit: Callable[[Any], None]) -> list[str]:
    """The findings after the model was edited."""
    model = read_model(path)
    edit(model)
    (path / INSIDE / "model.mlmodel").write_bytes(model.SerializeToString(deterministic=True))
    return list(lint(path))


def operation(model: Any, kind: str) -> Any:
    return next(o for o in main_block(model).operations if o.type == kind)


def constant(model: Any, name: str) -> Any:
    return next(o for o in main_block(model).operations if o.outputs[0].name == name)


@pytest.mark.parametrize("net", [plain, squeeze_excite, any_size])
def test_nothing_is_wrong_with_what_is_written(net: Any, tmp_path: Path) -> None:
    assert list(lint(export(net(), tmp_path / "net.mlpackage"))) == []


def drop_pad(model: Any) -> None:
    del operation(model, "conv").inputs["pad"]


def add_parameter(model: Any) -> None:
    operation(model, "relu").inputs["alpha"].arguments.add(name=main_block(model).outputs[0])


def unknown_operation(model: Any) -> None:
    operation(model, "relu").type = "rectify"


def later_operation(model: Any) -> None:
    operation(model, "relu").type = "resize"


def missing_value(model: Any) -> None:
    operation(model, "relu").inputs["x"].arguments[0].name = "nowhere"


def computed_parameter(model: Any) -> None:
    made = operation(model, "transpose").outputs[0].name
    operation(model, "conv").inputs["weight"].arguments[0].name = made
    operation(model, "conv").inputs["bias"].arguments[0].name = made


def two_types(model: Any) -> None:
    weight = constant(model, operation(model, "conv").inputs["weight"].arguments[0].name)
    for message in (weight.outputs[0].type, weight.attributes["val"].type):
        message.tensorType.dataType = 10


def wrong_result_type(model: Any) -> None:
    operation(model, "relu").outputs[0].type.tensorType.dataType = 10


def wrong_shape(model: Any) -> None:
    operation(model, "relu").outputs[0].type.tensorType.dimensions[1].constant.size = 7


def too_few_elements(model: Any) -> None:
    step = constant(model, operation(model, "max_pool").inputs["strides"].arguments[0].name)
    del step.attributes["val"].immediateValue.tensor.ints.values[0]


def other_type_of_constant(model: Any) -> None:
    step = constant(model, operation(model, "max_pool").inputs["strides"].arguments[0].name)
    step.outputs[0].type.tensorType.dataType = 11


def wrong_offset(model: Any) -> None:
    weight = constant(model, operation(model, "conv").inputs["weight"].arguments[0].name)
    weight.attributes["val"].blobFileValue.offset += 4


def twice_the_same_name(model: Any) -> None:
    operation(model, "relu").outputs[0].name = operation(model, "transpose").outputs[0].name


def bad_name(model: Any) -> None:
    main_block(model).outputs[0] = model.description.output[0].name = "out-0"
    main_block(model).operations[-1].outputs[0].name = "out-0"


def other_output_name(model: Any) -> None:
    model.description.output[0].name = "out_0"


def other_input_type(model: Any) -> None:
    model.description.input[0].type.multiArrayType.dataType = 65552


def other_input_shape(model: Any) -> None:
    model.description.input[0].type.multiArrayType.shape[1] = 17


def no_range(model: Any) -> None:
    model.description.input[0].type.multiArrayType.ClearField("shapeRange")


def other_opset(model: Any) -> None:
    model.specificationVersion = 8


def no_programs(model: Any) -> None:
    model.specificationVersion = 5


def two_functions(model: Any) -> None:
    model.mlProgram.functions["more"].opset = "CoreML6"


def no_label(model: Any) -> None:
    model.description.predictedFeatureName = "classLabel"


def six_axes(model: Any) -> None:
    made = main_block(model).operations.add(type="reshape")
    set_immediate(made.attributes["name"], "deep", DType.STRING)
    made.inputs["x"].arguments.add(name=main_block(model).outputs[0])
    made.inputs["shape"].arguments.add(name=operation(model, "conv").inputs["strides"].arguments[0].name)
    set_type(made.outputs.add(name="deep").type, DType.F32, (1,) * 6)


FAULTS = {
    drop_pad: "conv: required parameters are missing: pad",
    add_parameter: "relu: there is no parameter 'alpha'",
    unknown_operation: "there is no operation 'rectify' for iOS 16",
    later_operation: "there is no operation 'resize' for iOS 16",
    missing_value: "x is 'nowhere', which nothing makes before",
    computed_parameter: "conv: bias must be a constant",
    two_types: "x, weight, bias must have one element type",
    wrong_result_type: "result 0 is declared as f16[?,8,8,8], the operation makes f32",
    wrong_shape: "the result is declared as f32[?,7,8,8], the operation makes f32[?,8,8,8]",
    too_few_elements: "it holds 1 elements, its type i32[2] has 2",
    other_type_of_constant: "is declared as f32[2] and holds i32[2]",
    wrong_offset: "there is no weight at offset",
    twice_the_same_name: "two values are called",
    bad_name: "'out-0' is no name for a value",
    other_output_name: "the description has the outputs ['out_0'], the program ['out0']",
    other_input_type: "input 'image' is described as f16, and is f32[?,16,16,3] in the program",
    other_input_shape: "input 'image' is described with shape [1, 17, 16, 3]",
    no_range: "input 'image' of type f32[?,16,16,3] is described without a range of shapes",
    other_opset: "specification version 8 goes with opset CoreML7, not CoreML6",
    no_programs: "specification version 5 has no ML programs",
    two_functions: "have the function main alone",
    no_label: "predictedFeatureName is 'classLabel', which is no output of type stringType",
    six_axes: "'deep' of type f32[1,1,1,1,1,1] has more than 5 axes or no elements",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_faults_are_found(fault: Callable[[Any], None], path: Path) -> None:
    found = change(path, fault)
    assert any(FAULTS[fault] in line for line in found), found
    with pytest.raises(EmitError, match="the package is not valid"):
        TARGET.validate(path)


def test_faults_in_packed_constants(tmp_path: Path) -> None:
    graph = Graph()
    ids = graph.input("ids", TensorType(DType.I32, (3,)))
    table = graph.constant(np.arange(2048, dtype=np.int32).reshape(64, 32) % 100)
    graph.output("y", graph.add(ops.Gather(0), table, ids).output)
    path = export(graph, tmp_path / "m.mlpackage")

    def spoil(model: Any) -> None:
        packed = operation(model, "constexpr_affine_dequantize")
        del packed.attributes["axis"]
        packed.attributes["quantized_data"].blobFileValue.offset = 4
        packed.attributes["scale"].type.tensorType.dataType = 23

    found = change(path, spoil)
    for wanted in ("parameters are missing: axis", "no weight at offset 4", "scale is i32[], not one of fp16, fp32"):
        assert any(wanted in line for line in found), found


def weights(path: Path) -> Path:
    return path / INSIDE / "weights" / "weight.bin"


def test_a_cut_weight_file(path: Path) -> None:
    data = weights(path).read_bytes()
    weights(path).write_bytes(data[:-8])
    assert any("the weight file ends before the weight at" in line for line in lint(path))
    weights(path).write_bytes(data[: data.rindex(b"\xef\xbe\xad\xde")])
    assert any("the weight file has no entry at" in line for line in lint(path))
    weights(path).write_bytes(b"\0" * 64)
    assert any("does not begin as one of version 2" in line for line in lint(path))
    weights(path).unlink()
    assert any("there is no weight at offset" in line for line in lint(path))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda p: (p / "Manifest.json").unlink(), "the manifest cannot be read"),
        (lambda p: (p / "Manifest.json").write_text("{}"), "the manifest cannot be read"),
        (lambda p: (p / INSIDE / "model.mlmodel").unlink(), "model.mlmodel, which is not there"),
        (lambda p: (p / INSIDE / "model.mlmodel").write_bytes(b"\xff\xff"), "this is no Core ML model"),
        (lambda p: (p / INSIDE / "model.mlmodel").write_bytes(b""), "this is no ML program"),
    ],
)
def test_a_damaged_package(damage: Callable[[Path], Any], problem: str, path: Path) -> None:
    damage(path)
    with pytest.raises(EmitError, match=problem):
        TARGET.validate(path)


def test_the_contract_is_compared_with_what_is_declared(path: Path) -> None:
    def other(model: Any) -> None:
        model.description.input[0].name = "picture"

    change(path, other)
    with pytest.raises(EmitError, match="the inputs are not those of the contract: picture instead of image"):
        TARGET.read_contract(path)


def test_a_damaged_contract(path: Path) -> None:
    def cut(model: Any) -> None:
        model.description.metadata.userDefined["kexport.contract"] = '{"inputs": '

    change(path, cut)
    with pytest.raises(EmitError, match="the contract in the metadata is damaged"):
        TARGET.read_contract(path)


def test_without_metadata_the_declared_types_are_the_contract(path: Path) -> None:
    def forget(model: Any) -> None:
        model.description.metadata.Clear()

    change(path, forget)
    contract = TARGET.read_contract(path)
    assert [f"{p.name}: {p.type}" for p in contract.inputs] == ["image: f32[dim_0_0,16,16,3]"]


def test_the_manifest_names_what_is_there(path: Path) -> None:
    manifest = json.loads((path / "Manifest.json").read_text())
    assert manifest["fileFormatVersion"] == "1.0.0"
    for entry in manifest["itemInfoEntries"].values():
        assert (path / "Data" / entry["path"]).exists()
