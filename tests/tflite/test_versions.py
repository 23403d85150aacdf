"""The table of operators against the runtime that has to load them, and against TensorFlow's own versions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.ir.types import DType
from kexport_tflite.model import Model, Operator, Signature, Subgraph, Tensor
from kexport_tflite.operators import CONDITIONS, OPERATORS, version_of
from kexport_tflite.writer import schema, write_model

PAIRS = [(op, version) for op, builtin in OPERATORS.items() for version in sorted(builtin.versions)]


def one_operator(path: Path, op: str, version: int) -> Path:
    """A model of one operator on two tensors: enough to look the operator up, not to run it."""
    tensors = [Tensor("x", DType.F32, (1,), None), Tensor("y", DType.F32, (1,), None)]
    graph = Subgraph("main", tensors, [Operator(op, version, (0,), (1,), {})], [0], [1])
    write_model(Model(subgraphs=[graph], signatures=[Signature("serving_default", 0, {"x": 0}, {"y": 1})]), path)
    return path


def refusal(path: Path) -> str:
    """What the runtime says when it looks up the operators of a model; empty if it knows them."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        Interpreter(model_path=str(path), experimental_op_resolver_type=resolver)
    except ValueError as e:
        return str(e)
    return ""


@pytest.mark.parametrize(("op", "version"), PAIRS, ids=lambda v: str(v))
def test_the_runtime_knows_every_version_we_write(op: str, version: int, tmp_path: Path) -> None:
    assert "Didn't find op" not in refusal(one_operator(tmp_path / "model.tflite", op, version))


def test_the_runtime_refuses_versions_it_does_not_know(tmp_path: Path) -> None:
    assert "Didn't find op for builtin opcode 'ADD' version '99'" in refusal(one_operator(tmp_path / "m", "ADD", 99))
    assert "'BROADCAST_TO' version '1'" in refusal(one_operator(tmp_path / "m", "BROADCAST_TO", 1))


def test_every_options_table_is_in_the_schema() -> None:
    for op, builtin in OPERATORS.items():
        assert hasattr(schema().BuiltinOperator, op)
        if builtin.options:
            in_unions = [hasattr(u, builtin.options) for u in (schema().BuiltinOptions, schema().BuiltinOptions2)]
            assert in_unions.count(True) == 1, op


def test_every_condition_is_used_and_named() -> None:
    used = {name for builtin in OPERATORS.values() for name, _ in builtin.rules}
    assert used == set(CONDITIONS)


def _tensor(type: str, *shape: int) -> Tensor:
    return Tensor("", DType(type), shape, None)


USES: list[tuple[str, list[Tensor], Mapping[str, Any], int]] = [
    ("ADD", [_tensor("f32", 2), _tensor("f32", 2)], {}, 1),
    ("ADD", [_tensor("i64", 2), _tensor("i64", 2)], {}, 4),
    ("SUB", [_tensor("f32", 1, 1, 1, 1, 2), _tensor("f32", 2)], {}, 3),
    ("DIV", [_tensor("f32", 1, 1, 1, 1, 2), _tensor("f32", 1, 1, 1, 1, 2)], {}, 1),
    ("CONV_2D", [_tensor("f32", 1, 4, 4, 4), _tensor("f32", 2, 3, 3, 4)], {}, 1),
    ("CONV_2D", [_tensor("f32", 1, 4, 4, 4), _tensor("f32", 2, 3, 3, 2)], {}, 6),
    ("DEPTHWISE_CONV_2D", [_tensor("f32", 1, 4, 4, 4)], {"dilation_h_factor": 1, "dilation_w_factor": 2}, 2),
    ("FULLY_CONNECTED", [_tensor("f32", 2, 4), _tensor("f32", 4, 4), _tensor("f32", 4)], {"keep_num_dims": False}, 1),
    ("FULLY_CONNECTED", [_tensor("f32", 2, 4), _tensor("f32", 4, 4), _tensor("f32", 4)], {"keep_num_dims": True}, 5),
    ("FULLY_CONNECTED", [_tensor("f32", 2, 4), _tensor("f32", 4, 4)], {"keep_num_dims": True}, 6),
    ("BROADCAST_TO", [_tensor("f32", 1)], {}, 2),
    ("GATHER", [_tensor("f32", 1, 3), _tensor("i32", 1, 1)], {"batch_dims": 1}, 5),
    ("GATHER", [_tensor("bool", 1, 3), _tensor("i32", 1, 1)], {"batch_dims": 0}, 3),
    ("TRANSPOSE", [_tensor("f32", 1, 1, 1, 1, 1, 1)], {}, 6),
    ("RESIZE_BILINEAR", [_tensor("f32", 1, 2, 2, 1)], {"half_pixel_centers": True}, 3),
    ("DEQUANTIZE", [_tensor("f16", 4)], {}, 3),
    ("CAST", [_tensor("bf16", 4)], {}, 7),
    ("SPLIT", [_tensor("i32"), _tensor("i32", 4)], {}, 3),
]


@pytest.mark.parametrize(("op", "inputs", "options", "version"), USES)
def test_version_by_use(op: str, inputs: list[Tensor], options: Mapping[str, Any], version: int) -> None:
    assert version_of(op, inputs, [], options) == version


def test_versions_are_those_that_tensorflow_writes(tmp_path: Path) -> None:
    """A model with many kinds of operators, converted by TensorFlow: the same uses get the same versions from us."""
    tf = pytest.importorskip("tensorflow")

    @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 4)), tf.TensorSpec((1, 3), tf.int64)])
    def function(x: Any, i: Any) -> Any:
        k = tf.constant(np.ones((3, 3, 4, 4), np.float32))
        grouped = tf.nn.conv2d(x, k[:, :, :2], 1, "SAME")
        depthwise = tf.nn.depthwise_conv2d(x, k[..., :1], (1, 1, 1, 1), "SAME", dilations=(2, 2))
        dense = tf.reshape(x, (64, 4)) @ tf.constant(np.eye(4, dtype=np.float32)) + np.float32([1, 2, 3, 4])
        small = tf.image.resize(x, (4, 4)), tf.image.resize(x, (16, 16), "nearest")
        moved = tf.transpose(tf.reshape(x, (2, 2, 2, 2, 2, 8)), (5, 4, 3, 2, 1, 0)), tf.gather(x, i, axis=1)
        others = i + i, tf.cast(x, tf.int32) - 1, tf.maximum(x, 0.5), tf.abs(x), tf.split(x, 2, -1), x > 0, tf.exp(x)
        return grouped, depthwise, dense, small, moved, others

    blob = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()]).convert()
    model = schema().ModelT.InitFromObj(schema().Model.GetRootAs(blob, 0))
    names = {v: k for k, v in vars(schema().BuiltinOperator).items() if isinstance(v, int)}
    numbers = {v: k for k, v in vars(schema().TensorType).items() if isinstance(v, int)}
    types = {"FLOAT32": DType.F32, "INT32": DType.I32, "INT64": DType.I64, "BOOL": DType.BOOL}
    tensors = [Tensor("", types[numbers[t.type]], tuple(map(int, t.shape)), None) for t in model.subgraphs[0].tensors]
    checked = set()
    for operator in model.subgraphs[0].operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if name not in OPERATORS:
            continue
        options = {_snake(k): v for k, v in vars(operator.builtinOptions).items()} if operator.builtinOptions else {}
        inputs, outputs = ([tensors[i] for i in v] for v in (operator.inputs, operator.outputs))
        assert version_of(name, inputs, outputs, options) == code.version, name
        checked.add(name)
    assert len(checked) >= 10, checked


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
