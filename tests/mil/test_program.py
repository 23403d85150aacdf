"""Loading and running small packages: modes, shapes, names, states, images, and everything that is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import kexport_shared.mil
from kexport.errors import ConfigError, KexportError, VerifyError
from tests.mil.build import Builder

X = np.array([[1.0, -2.0, 3.0]], np.float32)


def doubled(builder: Builder, dtype: str = "fp32", factor: float = 2.0) -> Builder:
    """y = factor * x of shape [1, 3]."""
    builder.input("x", (1, 3), dtype)
    value = np.array(factor, np.float16 if dtype == "fp16" else np.float32)
    builder.op("mul", "times", [("y", dtype, (1, 3))], x="x", y=value)
    builder.output("y", dtype, (1, 3))
    return builder


def test_runs(tmp_path: Path) -> None:
    program = kexport_shared.mil.load(doubled(Builder()).save(tmp_path / "m"))
    assert [f.name for f in program.inputs] == ["x"]
    assert program.outputs[0].shape == (1, 3)
    result = program.run({"x": X}, mode="float32")["y"]
    assert result.dtype == np.float32
    assert result.tolist() == [[2, -4, 6]]


def test_float64_keeps_what_float32_loses(tmp_path: Path) -> None:
    program = kexport_shared.mil.load(doubled(Builder(), factor=1.0).save(tmp_path / "m"))
    fine = np.array([[1 + 2**-40, 0, 0]])
    assert program.run({"x": fine})["y"][0, 0] == fine[0, 0]
    assert program.run({"x": fine}, mode="float32")["y"][0, 0] == 1


def test_float16_rounds_and_records_overflow(tmp_path: Path) -> None:
    program = kexport_shared.mil.load(doubled(Builder(), "fp16", 60000.0).save(tmp_path / "m"))
    result = program.run({"x": X}, mode="float16")["y"]
    assert result.dtype == np.float16
    assert np.isinf(result).tolist() == [[False, True, True]]
    (lost,) = program.overflows
    assert (lost.op, lost.type, lost.output, lost.count, lost.peak) == ("times", "mul", "y", 2, 180000.0)
    assert program.run({"x": X}, mode="float32")["y"].tolist() != result.tolist()
    assert program.overflows == []


def test_float16_leaves_float32_alone(tmp_path: Path) -> None:
    program = kexport_shared.mil.load(doubled(Builder(), factor=60000.0).save(tmp_path / "m"))
    assert program.run({"x": X}, mode="float16")["y"].tolist() == [[60000, -120000, 180000]]
    assert program.overflows == []


@pytest.mark.parametrize(("value", "lost"), [(65519.0, 0), (65520.0, 1)])
def test_the_limit_of_float16(tmp_path: Path, value: float, lost: int) -> None:
    builder = Builder()
    builder.input("x", (1,))
    builder.op("cast", "narrow", [("y", "fp16", (1,))], x="x", dtype="=fp16")
    builder.output("y", "fp16", (1,))
    program = kexport_shared.mil.load(builder.save(tmp_path / "m"))
    program.run({"x": np.array([value], np.float32)}, mode="float16")
    assert sum(o.count for o in program.overflows) == lost


def test_flexible_shapes(tmp_path: Path) -> None:
    builder = Builder()
    builder.input("x", (None, 2))
    builder.op("relu", "r", [("y", "fp32", (None, 2))], x="x")
    builder.output("y")
    program = kexport_shared.mil.load(builder.save(tmp_path / "m"))
    assert program.inputs[0].ranges == ((1, None), (2, 2))
    assert program.run({"x": -np.ones((5, 2))})["y"].shape == (5, 2)
    with pytest.raises(VerifyError, match=r"input x of shape \(5, 3\) does not fit its description \(1\.\., 2\.\.2\)"):
        program.run({"x": np.ones((5, 3))})


def test_weights_in_the_file(tmp_path: Path) -> None:
    builder = Builder()
    builder.input("x", (1, 3))
    builder.const("w", np.array([[1, 2, 3], [4, 5, 6]], np.float32), in_file=True)
    builder.op("linear", "l", [("y", "fp32", (1, 2))], x="x", weight="w")
    builder.output("y", shape=(1, 2))
    program = kexport_shared.mil.load(builder.save(tmp_path / "m"))
    assert program.run({"x": X})["y"].tolist() == [[6, 12]]


def refused(builder: Builder, path: Path, message: str) -> None:
    """The package cannot be loaded or run, for this reason."""
    with pytest.raises(VerifyError, match=message):
        kexport_shared.mil.load(builder.save(path / "m")).run({"x": X})


def test_refuses_a_wrong_declared_shape(tmp_path: Path) -> None:
    builder = Builder()
    builder.input("x", (1, 3))
    builder.op("relu", "r", [("y", "fp32", (3, 1))], x="x")
    builder.output("y")
    refused(builder, tmp_path, r"relu r: the result y has shape \(1, 3\), the program declares \(3, 1\)")


def test_refuses_an_unknown_operation(tmp_path: Path) -> None:
    builder = Builder()
    builder.input("x", (1, 3))
    builder.op("frobnicate", "f", [("y", "fp32", (1, 3))], x="x")
    builder.output("y")
    refused(builder, tmp_path, "frobnicate f: the evaluator does not know this operation")


def test_refuses_an_unknown_parameter(tmp_path: Path) -> None:
    builder = Builder()
    builder.input("x", (1, 3))
    builder.op("softmax", "s", [("y", "fp32", (1, 3))], x="x", axes=np.array([1], np.int32))
    builder.output("y")
    refused(builder, tmp_path, "softmax s: cannot be executed: .*axes")


def test_refuses_what_the_opset_does_not_have(tmp_path: Path) -> None:
    builder = Builder("CoreML6")
    builder.input("x", (1, 3))
    builder.op("scaled_dot_product_attention", "a", [("y", "fp32", (1, 3))], query="x", key="x", value="x")
    builder.output("y")
    refused(builder, tmp_path, "exists since opset CoreML8, the function is written for CoreML6")


def test_refuses_names_that_do_not_match(tmp_path: Path) -> None:
    builder = doubled(Builder())
    builder.model.description.output[0].name = "z"
    refused(builder, tmp_path, r"the description names outputs \['z'\], the program \['y'\]")


def test_refuses_a_value_used_before_it_is_made(tmp_path: Path) -> None:
    builder = Builder()
    builder.input("x", (1, 3))
    builder.op("relu", "r", [("y", "fp32", (1, 3))], x="ghost")
    builder.output("y")
    refused(builder, tmp_path, "relu r: the value ghost is used before it is made")


def test_refuses_an_unknown_opset(tmp_path: Path) -> None:
    refused(doubled(Builder("CoreML99")), tmp_path, "the opset CoreML99 is not known")


def test_refuses_inputs_that_do_not_match(tmp_path: Path) -> None:
    program = kexport_shared.mil.load(doubled(Builder()).save(tmp_path / "m"))
    with pytest.raises(VerifyError, match=r"inputs do not match: missing \['x'\], unknown \['q'\]"):
        program.run({"q": X})


def halved(rows: int) -> Builder:
    """x is halved as long as its sum is above 1; the blocks say that x has so many rows."""
    builder = Builder()
    test = Builder()
    body = Builder()
    builder.input("x", (3,))
    for block in (test, body):
        block.input("state", (rows,))
    test.op(
        "reduce_sum", "sum", [("sum", "fp32", ())], x="state", axes=np.array([0], np.int32), keep_dims=np.bool_(False)
    )
    test.op("greater", "more", [("more", "bool", ())], x="sum", y=np.float32(1))
    test.block.outputs.append("more")
    body.op("mul", "half", [("half", "fp32", (rows,))], x="state", y=np.float32(0.5))
    body.block.outputs.append("half")
    builder.loop("y", [("x", "fp32", (3,))], test=test, body=body)
    builder.output("y")
    return builder


def test_a_loop(tmp_path: Path) -> None:
    program = kexport_shared.mil.load(halved(3).save(tmp_path / "m"))
    assert program.run({"x": np.float32([4, 1, 0])})["y"].tolist() == [0.5, 0.125, 0.0]
    assert program.run({"x": np.float32([0.5, 0, 0])})["y"].tolist() == [0.5, 0.0, 0.0]


def test_refuses_what_a_block_does_not_take(tmp_path: Path) -> None:
    program = kexport_shared.mil.load(halved(4).save(tmp_path / "m"))
    with pytest.raises(VerifyError, match=r"the block input state has shape \(3,\), the program declares \(4,\)"):
        program.run({"x": np.float32([4, 1, 0])})


def test_refuses_an_unknown_mode(tmp_path: Path) -> None:
    program = kexport_shared.mil.load(doubled(Builder()).save(tmp_path / "m"))
    with pytest.raises(ConfigError, match="no mode 'float8'"):
        program.run({"x": X}, mode="float8")


def test_refuses_missing_weights(tmp_path: Path) -> None:
    builder = Builder()
    builder.const("w", np.ones(3, np.float32), in_file=True)
    root = builder.save(tmp_path / "m")
    (root / "Data/com.apple.CoreML/weights/weight.bin").unlink()
    with pytest.raises(VerifyError, match=r"weights @model_path/weights/weight\.bin are not in the package"):
        kexport_shared.mil.load(root)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [("{", "no manifest that can be read"), ("{}", "does not say where the model is")],
)
def test_refuses_a_broken_manifest(tmp_path: Path, manifest: str, message: str) -> None:
    root = doubled(Builder()).save(tmp_path / "m")
    (root / "Manifest.json").write_text(manifest, "utf-8")
    with pytest.raises(VerifyError, match=message):
        kexport_shared.mil.load(root)


def test_refuses_what_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(KexportError, match="no manifest that can be read"):
        kexport_shared.mil.load(tmp_path)


def test_refuses_a_model_that_is_not_there(tmp_path: Path) -> None:
    items = {"A": {"path": "com.apple.CoreML/model.mlmodel"}}
    manifest = json.dumps({"itemInfoEntries": items, "rootModelIdentifier": "A"})
    (tmp_path / "Manifest.json").write_text(manifest, "utf-8")
    with pytest.raises(VerifyError, match="the model the manifest names cannot be read"):
        kexport_shared.mil.load(tmp_path)


def test_refuses_another_kind_of_model(tmp_path: Path) -> None:
    builder = Builder()
    builder.model.ClearField("mlProgram")
    builder.model.neuralNetwork.SetInParent()
    with pytest.raises(VerifyError, match="the model is no ML program but neuralNetwork"):
        kexport_shared.mil.load(builder.save(tmp_path / "m"))


def test_refuses_a_damaged_model(tmp_path: Path) -> None:
    root = doubled(Builder()).save(tmp_path / "m")
    (root / "Data/com.apple.CoreML/model.mlmodel").write_bytes(b"\xff\xff\xff")
    with pytest.raises(VerifyError, match="the model cannot be parsed"):
        kexport_shared.mil.load(root)
