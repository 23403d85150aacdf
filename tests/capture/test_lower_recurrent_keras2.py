"""Recurrent layers of Keras 2 and of SavedModels, against predict() and the signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.capture.agree import agree, normal, op_counts, randomize
from tests.capture.test_lower_recurrent import HOLES


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_one_op_each(tf_keras: Any, name: str) -> None:
    layers = tf_keras.layers
    layer = getattr(layers, name)
    x = tf_keras.Input((5, 3))
    masked = layers.Masking()(x)
    backwards = {"go_backwards": True, "return_sequences": True}
    outputs = [
        layer(4)(x),
        layer(4, use_bias=False, activation="relu", return_state=True, **backwards)(masked),
        layer(4, unroll=True, zero_output_for_mask=True, **backwards)(masked),
        layers.Bidirectional(layer(2, return_sequences=True))(masked),
        layer(4)(x, initial_state=layer(4, return_state=True)(x)[1:]),
    ]
    captured = agree(randomize(tf_keras.Model(x, outputs)), [normal(3, 5, 3) * HOLES[..., None]])
    counts = op_counts(captured)
    assert counts[{"LSTM": "lstm", "GRU": "gru"}.get(name, "simple_rnn")] == 7
    assert not {"scan", "while"} & counts.keys()


def test_other_cells_are_scanned(tf_keras: Any) -> None:
    """The hard sigmoid of Keras 2 is another function than that of Keras 3."""

    class Summing(tf_keras.layers.Layer):
        state_size = output_size = 3

        def call(self, inputs: Any, states: Any) -> Any:
            return inputs + states[0], [inputs + states[0]]

    layers = tf_keras.layers
    x = tf_keras.Input((None, 3))
    outputs = [
        layers.LSTM(4, recurrent_activation="hard_sigmoid")(layers.Masking()(x)),
        layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], return_state=True)(x),
        layers.RNN(Summing(), return_sequences=True)(layers.Masking()(x)),
    ]
    captured = agree(randomize(tf_keras.Model(x, outputs)), [normal(3, 5, 3) * HOLES[..., None]])
    counts = op_counts(captured)
    assert (counts["scan"], counts["lstm"], counts["while"]) == (3, 0, 0)


def test_a_savedmodel_has_loops_over_dense_tensors(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    x = keras.Input((None, 3))
    outputs = [layers.LSTM(4)(x), layers.Bidirectional(layers.GRU(2, return_sequences=True))(layers.Masking()(x))]
    randomize(keras.Model(x, outputs)).export(tmp_path / "model", verbose=False)
    batches = [normal(3, 5, 3) * HOLES[..., None]], [normal(1, 2, 3)]
    captured = agree(str(tmp_path / "model"), *batches)
    assert op_counts(captured)["while"] == 3


@pytest.mark.parametrize("steps", [None, 6])
def test_time_distributed_over_any_number_of_steps(tf_keras: Any, steps: int | None) -> None:
    """Here predict() is right, unlike in Keras 3."""
    x = tf_keras.Input((steps, 4))
    model = tf_keras.Model(x, tf_keras.layers.TimeDistributed(tf_keras.layers.Dense(5))(x))
    agree(randomize(model), [normal(3, steps or 7, 4)], [normal(5, steps or 2, 4)])
