"""Meanings that depend on the opset or that Apple's tests do not reach, each from its published sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kexport_shared.mil
from kexport.errors import VerifyError
from kexport_shared.mil.ops.conv import conv_quantized
from kexport_shared.mil.ops.pool import avg_pool, max_pool
from kexport_shared.mil.ops.recurrent import gru, lstm, rnn
from kexport_shared.mil.ops.window import window
from kexport_shared.mil.table import OPERATIONS
from tests.mil.build import Builder


def run(path: Path, opset: str, kind: str, x: np.ndarray, made: tuple[int, ...], **inputs: Any) -> np.ndarray:
    """One operation on x."""
    builder = Builder(opset)
    builder.input("x", x.shape)
    builder.op(kind, "op", [("y", "fp32", made)], x="x", **inputs)
    builder.output("y")
    return kexport_shared.mil.load(builder.save(path / "m")).run({"x": x})["y"]


def i32(*values: int) -> np.ndarray:
    """A vector of int32."""
    return np.array(values, np.int32)


def test_a_zero_in_a_shape_copies_from_the_left_until_ios16(tmp_path: Path) -> None:
    x = np.zeros((2, 3, 4), np.float32)
    assert run(tmp_path, "CoreML6", "reshape", x, (2, 12, 1), shape=i32(0, -1, 1)).shape == (2, 12, 1)


def test_a_zero_in_a_shape_counts_from_the_right_since_ios17(tmp_path: Path) -> None:
    x = np.zeros((2, 50), np.float32)
    assert run(tmp_path, "CoreML7", "reshape", x, (1, 1, 2, 50), shape=i32(1, 0, -1, 0)).shape == (1, 1, 2, 50)


def test_a_zero_needs_the_same_rank_until_ios16(tmp_path: Path) -> None:
    with pytest.raises(VerifyError, match="0 in a shape needs rank 2"):
        run(tmp_path, "CoreML6", "reshape", np.zeros((2, 50), np.float32), (1, 1, 2, 50), shape=i32(1, 0, -1, 0))


def test_negative_indices_count_from_the_end_until_ios16(tmp_path: Path) -> None:
    x = np.arange(3, dtype=np.float32)
    assert run(tmp_path, "CoreML6", "gather", x, (1,), indices=i32(-1)).tolist() == [2]


def test_negative_indices_are_refused_since_ios17(tmp_path: Path) -> None:
    with pytest.raises(VerifyError, match=r"gather op: an index lies outside \[0, 3\)"):
        run(tmp_path, "CoreML7", "gather", np.arange(3, dtype=np.float32), (1,), indices=i32(-1))


def test_same_puts_the_odd_element_after_and_same_lower_before() -> None:
    assert window((4,), (2,), (1,), (1,), "same", ()).pads == ((0, 1),)
    assert window((4,), (2,), (1,), (1,), "same_lower", ()).pads == ((1, 0),)


def test_same_follows_the_stride() -> None:
    assert window((5,), (3,), (2,), (1,), "same", ()).pads == ((1, 1),)
    assert window((6,), (3,), (2,), (1,), "same", ()).pads == ((0, 1),)


def test_ceil_mode_leaves_out_a_window_that_starts_in_the_padding() -> None:
    assert window((4,), (2,), (3,), (1,), "custom", (1, 1), True).counts == (2,)
    assert window((5,), (2,), (3,), (1,), "valid", (), True).counts == (2,)


def test_padding_is_never_the_largest() -> None:
    x = -np.ones((1, 1, 3))
    assert max_pool(x, kernel_sizes=i32(3), pad_type="custom", pad=i32(2, 2)).max() == -1


@pytest.mark.parametrize(("excluded", "first"), [(True, 1.0), (False, 0.5)])
def test_padding_counts_in_a_mean_unless_excluded(excluded: bool, first: float) -> None:
    kwargs = {"kernel_sizes": i32(2), "pad_type": "custom", "pad": i32(1, 0)}
    assert avg_pool(np.ones((1, 1, 3)), exclude_padding_from_average=excluded, **kwargs)[0, 0, 0] == first


def _weights(gates: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(7)
    return {"weight_ih": random.normal(size=(gates * 2, 3)), "weight_hh": random.normal(size=(gates * 2, 2))}


def test_a_reversed_rnn_returns_its_steps_as_it_made_them() -> None:
    x = np.random.default_rng(1).normal(size=(4, 1, 3))
    h = np.zeros((1, 2))
    back, _ = rnn(x, h, **_weights(1), direction="reverse", output_sequence=True)
    forth, _ = rnn(x[::-1], h, **_weights(1), output_sequence=True)
    assert np.array_equal(back, forth)


def test_the_backward_half_of_a_bidirectional_lstm_is_aligned() -> None:
    x = np.random.default_rng(2).normal(size=(4, 1, 3))
    state = np.zeros((1, 4))
    weights = _weights(4)
    back = {f"{name}_back": value for name, value in weights.items()}
    both, h, _ = lstm(x, state, state, **weights, **back, direction="bidirectional", output_sequence=True)
    alone, _, _ = lstm(x, state[:, :2], state[:, :2], **weights, direction="reverse", output_sequence=True)
    assert np.allclose(both[:, :, 2:], alone[::-1])
    assert np.allclose(h[:, 2:], both[0, :, 2:])


@pytest.mark.parametrize("after", [False, True])
def test_where_a_gru_resets(after: bool) -> None:
    weights = {"weight_ih": np.zeros((3, 1)), "weight_hh": np.array([[0.0], [2.0], [0.0]])}
    bias = np.array([0.0, 0.5, 0.0])
    x = np.zeros((1, 1, 1))
    h = np.array([[1.0]])
    (_, made) = gru(x, h, **weights, bias=bias, reset_after=after)
    inner = 0.5 * (2 + 0.5) if after else 0.5 * 2 + 0.5
    assert made[0, 0] == pytest.approx(0.5 * np.tanh(inner) + 0.5)


def test_the_nearest_place_is_the_one_before_when_upsampling(tmp_path: Path) -> None:
    x = np.array([[[0.0, 1.0, 2.0]]], np.float32)
    factor = np.array(5 / 3, np.float32)
    got = run(tmp_path, "CoreML6", "upsample_nearest_neighbor", x, (1, 1, 5), scale_factor_width=factor)
    assert got.ravel().tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("logical_and", [False, False, False, True]),
        ("logical_or", [False, True, True, True]),
        ("logical_xor", [False, True, True, False]),
    ],
)
def test_logic(name: str, truth: list[bool]) -> None:
    x = np.array([False, False, True, True])
    y = np.array([False, True, False, True])
    assert OPERATIONS[name](x=x, y=y).tolist() == truth
    assert OPERATIONS["logical_not"](x=x).tolist() == [True, True, False, False]


def test_ceil_goes_up() -> None:
    assert OPERATIONS["ceil"](x=np.array([-1.5, 0.2, 2.0])).tolist() == [-1, 1, 2]


def test_a_classifier_names_the_best_and_all(tmp_path: Path) -> None:
    builder = Builder()
    builder.input("x", (3,))
    op = builder.block.operations.add(type="classify")
    op.inputs["probabilities"].arguments.add(name="x")
    labels = op.inputs["classes"].arguments.add().value
    labels.type.listType.length.constant.size = 3
    for text in ("ant", "bee", "cat"):
        builder.value(labels.immediateValue.list.values.add(), text, "")
    op.outputs.add(name="label").type.tensorType.dataType = 2
    op.outputs.add(name="scores").type.dictionaryType.SetInParent()
    builder.block.outputs.extend(["label", "scores"])
    builder.model.description.output.add(name="label").type.stringType.SetInParent()
    builder.model.description.output.add(name="scores").type.dictionaryType.SetInParent()
    result = kexport_shared.mil.load(builder.save(tmp_path / "m")).run({"x": np.array([0.25, 0.5, 0.25])})
    assert result == {"label": "bee", "scores": {"ant": 0.25, "bee": 0.5, "cat": 0.25}}


def test_quantized_weights_of_a_convolution() -> None:
    x = np.ones((1, 1, 2))
    weight = np.array([[[4, 6]]], np.uint8)
    scale = np.array([0.5])
    bias = np.array([-1.0])
    got = conv_quantized(x, weight, quantization_type="linear", quant_scale=scale, quant_bias=bias)
    assert got.tolist() == [[[3.0]]]
    with pytest.raises(VerifyError, match="no published layout"):
        conv_quantized(x, weight, quantization_type="lut", quant_scale=scale, quant_bias=bias)


def test_images_arrive_as_channels_in_the_declared_order(tmp_path: Path) -> None:
    builder = Builder()
    builder.input("x", (1, 3, 1, 2))
    builder.op("identity", "i", [("y", "fp32", (1, 3, 1, 2))], x="x")
    builder.output("y")
    image = builder.model.description.input[0].type.imageType
    image.width = 2
    image.height = 1
    image.colorSpace = 30
    program = kexport_shared.mil.load(builder.save(tmp_path / "m"))
    assert program.inputs[0].kind == "image"
    got = program.run({"x": np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)})["y"]
    assert got.ravel().tolist() == [3, 6, 2, 5, 1, 4]


def test_a_state_lives_from_run_to_run(tmp_path: Path) -> None:
    builder = Builder("CoreML8", 9)
    builder.input("x", (2,))
    held = builder.function.inputs.add(name="s").type.stateType.wrappedType
    held.tensorType.dataType, held.tensorType.rank = 11, 1
    held.tensorType.dimensions.add().constant.size = 2
    described = builder.model.description.state.add(name="s").type.stateType.arrayType
    described.dataType, described.shape[:] = 65568, [2]
    builder.op("read_state", "old", [("before", "fp32", (2,))], input="s")
    builder.op("add", "sum", [("y", "fp32", (2,))], x="before", y="x")
    builder.op("write_state", "new", [], input="s", data="y")
    builder.output("y")
    program = kexport_shared.mil.load(builder.save(tmp_path / "m"))
    state = program.make_state()
    x = np.array([1.0, 2.0])
    assert [program.run({"x": x}, state=state)["y"].tolist() for _ in range(3)] == [[1, 2], [2, 4], [3, 6]]
    assert program.run({"x": x})["y"].tolist() == [1, 2]


def test_random_numbers_repeat_with_the_seed(tmp_path: Path) -> None:
    builder = Builder()
    builder.input("x", (2,))
    builder.op("shape", "s", [("size", "int32", (1,))], x="x")
    builder.op("random_normal", "r", [("y", "fp32", (2,))], shape="size")
    builder.output("y")
    program = kexport_shared.mil.load(builder.save(tmp_path / "m"))
    first, again, other = (program.run({"x": np.zeros(2)}, seed=n)["y"].tolist() for n in (1, 1, 2))
    assert first == again != other
