"""Meanings that depend on the opset or that Apple's tests do not reach, each from its published sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kexport_mil
from kexport.errors import VerifyError
from kexport_mil.ops.pool import avg_pool, max_pool
from kexport_mil.ops.recurrent import gru, lstm, rnn
from kexport_mil.ops.window import window
from tests.mil.build import Builder


def run(path: Path, opset: str, kind: str, x: np.ndarray, made: tuple[int, ...], **inputs: Any) -> np.ndarray:
    """One operation on x."""
    builder = Builder(opset)
    builder.input("x", x.shape)
    builder.op(kind, "op", [("y", "fp32", made)], x="x", **inputs)
    builder.output("y")
    return kexport_mil.load(builder.save(path / "m")).run({"x": x})["y"]


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
    x, h = np.random.default_rng(1).normal(size=(4, 1, 3)), np.zeros((1, 2))
    back, _ = rnn(x, h, **_weights(1), direction="reverse", output_sequence=True)
    forth, _ = rnn(x[::-1], h, **_weights(1), output_sequence=True)
    assert np.array_equal(back, forth)


def test_the_backward_half_of_a_bidirectional_lstm_is_aligned() -> None:
    x, state = np.random.default_rng(2).normal(size=(4, 1, 3)), np.zeros((1, 4))
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
    x, h = np.zeros((1, 1, 1)), np.array([[1.0]])
    (_, made) = gru(x, h, **weights, bias=bias, reset_after=after)
    inner = 0.5 * (2 + 0.5) if after else 0.5 * 2 + 0.5
    assert made[0, 0] == pytest.approx(0.5 * np.tanh(inner) + 0.5)


def test_the_nearest_place_is_the_one_before_when_upsampling(tmp_path: Path) -> None:
    x = np.array([[[0.0, 1.0, 2.0]]], np.float32)
    factor = np.array(5 / 3, np.float32)
    got = run(tmp_path, "CoreML6", "upsample_nearest_neighbor", x, (1, 1, 5), scale_factor_width=factor)
    assert got.ravel().tolist() == [0, 0, 1, 1, 2]
