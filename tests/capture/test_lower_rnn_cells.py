"""Recurrent layers with cells of all kinds, states that outlive a call, and convolutions, against predict()."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from kexport.errors import UnsupportedError
from kexport.ir.evaluator import evaluate
from tests.capture.agree import agree, normal, op_counts, randomize, relative_error
from tests.capture.test_lower_recurrent import HOLES


def rnn_model(keras: Any, *cells: Any, mask: bool = False, units: int = 3, **options: Any) -> Any:
    x = keras.Input((None, units), name="x")
    inner = keras.layers.Masking()(x) if mask else x
    layers = [keras.layers.RNN(cell, **options) for cell in cells]
    return randomize(keras.Model(x, [layer(inner) for layer in layers]))


def minimal(keras: Any) -> Any:
    """A cell that is not Keras' own, with two states of different kinds and an output that is neither."""

    class Minimal(keras.layers.Layer):
        def __init__(self, units: int, **options: Any):
            super().__init__(**options)
            self.units = units
            self.state_size = [units, 1]
            self.output_size = units

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
            self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")

        def call(self, inputs: Any, states: Any) -> Any:
            h, count = states
            new = keras.ops.tanh(inputs @ self.kernel + h @ self.recurrent + count)
            return new * 2 + h, [new, count + keras.ops.sum(inputs, -1, keepdims=True)]

    return Minimal


@pytest.mark.parametrize("mask", [False, True])
def test_a_cell_of_ones_own_is_scanned(keras: Any, mask: bool) -> None:
    options = [(s, z, b) for s in (False, True) for z in (False, True) for b in (False, True)]
    x = keras.Input((None, 3), name="x")
    inner = keras.layers.Masking()(x) if mask else x
    outputs = [
        keras.layers.RNN(
            minimal(keras)(4), return_sequences=s, zero_output_for_mask=z, go_backwards=b, return_state=True
        )(inner)
        for s, z, b in options
    ]
    batch = normal(3, 5, 3) * HOLES[..., None] if mask else normal(3, 5, 3)
    captured = agree(randomize(keras.Model(x, outputs)), [batch])
    assert op_counts(captured)["scan"] == len(options)
    assert op_counts(captured)["while"] == 0


def test_an_unrolled_loop_is_a_scan_too(keras: Any) -> None:
    x = keras.Input((5, 3))
    mask = keras.Input((5,), dtype="bool")
    options = {"unroll": True, "zero_output_for_mask": True, "return_sequences": True}
    outputs = [keras.layers.RNN(minimal(keras)(4), go_backwards=b, **options)(x, mask=mask) for b in (False, True)]
    captured = agree(randomize(keras.Model([x, mask], outputs)), [normal(3, 5, 3), HOLES.astype(bool)])
    assert op_counts(captured)["scan"] == 2


@pytest.mark.parametrize("mask", [False, True])
def test_a_stack_of_known_cells_is_one_op_each(keras: Any, mask: bool) -> None:
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    inner = layers.Masking()(x) if mask else x
    outputs = []
    for options in ({}, {"go_backwards": True, "return_sequences": True}, {"zero_output_for_mask": True}):
        cells = [layers.LSTMCell(4), layers.GRUCell(3, reset_after=False), layers.SimpleRNNCell(2)]
        outputs.append(layers.RNN(layers.StackedRNNCells(cells), return_state=True, **options)(inner))
    batch = normal(3, 5, 3) * HOLES[..., None] if mask else normal(3, 5, 3)
    captured = agree(randomize(keras.Model(x, outputs)), [batch])
    counts = op_counts(captured)
    assert (counts["lstm"], counts["gru"], counts["simple_rnn"], counts["scan"]) == (3, 3, 3, 0)


def test_a_stack_with_another_cell_is_scanned(keras: Any) -> None:
    layers = keras.layers
    cells = [layers.LSTMCell(4), minimal(keras)(3), layers.GRUCell(2)]
    captured = agree(rnn_model(keras, cells, return_state=True, return_sequences=True), [normal(2, 5, 3)])
    assert op_counts(captured)["scan"] == 1
    assert op_counts(captured)["lstm"] == 0
    (scan,) = [n for n in captured.graph.nodes if n.op.name == "scan"]
    (body,) = scan.op.bodies()
    assert {part for n in body.nodes for part in n.origin.split("/")} > {c.name for c in cells}


def test_a_cell_that_overrides_call_is_not_taken_for_its_parent(keras: Any) -> None:
    class Doubled(keras.layers.GRUCell):
        def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
            y, new = super().call(inputs, states, training)
            return y * 2, new

    class Renamed(keras.layers.GRUCell):
        pass

    captured = agree(rnn_model(keras, Doubled(4), Renamed(4)), [normal(2, 5, 3)])
    assert (op_counts(captured)["gru"], op_counts(captured)["scan"]) == (1, 1)


def test_stateful_layers_read_their_state_as_it_is(keras: Any) -> None:
    x = keras.Input((3, 2), batch_size=2, name="x")
    layers = [keras.layers.LSTM(4, stateful=True), keras.layers.RNN(minimal(keras)(3), stateful=True)]
    model = randomize(keras.Model(x, [layer(x) for layer in layers]))
    batch = normal(2, 3, 2)
    model.predict(batch, verbose=0)
    states = [[np.array(s) for s in layer.states] for layer in layers]
    assert all(np.any(s) for layer in states for s in layer)
    captured = agree(model, [batch], [normal(2, 3, 2, seed=1)], [batch])
    assert all(np.array_equal(a, b) for a, b in zip(states[0], layers[0].states, strict=True))
    want = model.predict(batch, verbose=0)
    found = evaluate(captured.graph, {"x": batch})
    assert all(relative_error(f, w) < 2e-5 for f, w in zip(found.values(), want, strict=True))
    (scan,) = [n for n in captured.graph.nodes if n.op.name == "scan"]
    assert np.array_equal(scan.inputs[0].data, states[1][0])
    moved = np.array(layers[0].states[0])
    assert not np.array_equal(moved, states[0][0])
    again = evaluate(captured.graph, {"x": batch})
    assert all(np.array_equal(a, b) for a, b in zip(found.values(), again.values(), strict=True))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_convolutional_lstm(keras: Any, rank: int) -> None:
    make = getattr(keras.layers, f"ConvLSTM{rank}D")
    size = (6, 5, 4)[:rank]
    x = keras.Input((None, *size, 2), name="x")
    outputs = [
        make(3, 3, padding="same", return_sequences=True, activation="tanh")(x),
        make(2, 2, strides=2, return_state=True, go_backwards=True)(x),
        make(2, 2, padding="same", use_bias=False)(keras.layers.Masking()(x) if rank == 1 else x),
    ]
    if rank < 3:
        outputs.append(make(2, 2, padding="same", dilation_rate=2, recurrent_activation="sigmoid")(x))
    model = randomize(keras.Model(x, outputs))
    captured = agree(model, [normal(2, 3, *size, 2)])
    counts = op_counts(captured)
    assert (counts["scan"], counts["while"]) == (len(outputs), 0)


def test_time_distributed_over_sequences(keras: Any) -> None:
    layers = keras.layers
    x = keras.Input((None, 4, 3), name="x")
    outputs = [layers.TimeDistributed(layers.LSTM(5, return_sequences=s))(x) for s in (False, True)]
    outputs.append(layers.TimeDistributed(layers.Bidirectional(layers.GRU(2)))(x))
    outputs.append(layers.TimeDistributed(layers.RNN(minimal(keras)(3)))(x))
    captured = agree(randomize(keras.Model(x, outputs)), [normal(2, 3, 4, 3)])
    counts = op_counts(captured)
    assert (counts["lstm"], counts["gru"], counts["scan"]) == (2, 2, 1)


def test_a_body_reads_what_is_around_it(keras: Any) -> None:
    """Other inputs, sizes and weights of the model, and a loop inside of a loop."""

    class Attending(keras.layers.Layer):
        def __init__(self, **options: Any):
            super().__init__(**options)
            self.dense = keras.layers.Dense(4, name="query")

        def build(self, *shapes: Any) -> None:
            self.dense.build((None, 4))

        def call(self, x: Any, memory: Any) -> Any:
            ops = keras.ops

            def step(inputs: Any, states: Any) -> Any:
                scores = ops.einsum("bd,bld->bl", self.dense(states[0]), memory)
                read = ops.einsum("bl,bld->bd", ops.softmax(scores), memory)
                total = ops.fori_loop(0, ops.shape(memory)[1], lambda i, v: v * 0.5 + memory[:, i], inputs)
                new = ops.tanh(inputs + read + total / ops.cast(ops.shape(memory)[1], "float32"))
                return new, [new]

            return keras.src.backend.rnn(step, x, [ops.zeros_like(x[:, 0])])[1]

        def compute_output_spec(self, x: Any, memory: Any) -> Any:
            return keras.KerasTensor(x.shape, x.dtype)

    x = keras.Input((None, 4), name="x")
    memory = keras.Input((None, 4), name="memory")
    model = randomize(keras.Model([x, memory], Attending(name="attending")(x, memory)))
    captured = agree(model, [normal(2, 3, 4), normal(2, 6, 4)], [normal(1, 4, 4), normal(1, 2, 4)])
    assert op_counts(captured)["scan"] == 1
    (scan,) = [n for n in captured.graph.nodes if n.op.name == "scan"]
    (body,) = scan.op.bodies()
    assert {n.origin for n in body.nodes} >= {"attending", "attending/query"}


def test_what_a_cell_cannot_do_is_reported_with_its_path(keras: Any) -> None:
    import tensorflow as tf

    class Solving(keras.layers.Layer):
        state_size = output_size = 3

        def call(self, inputs: Any, states: Any) -> Any:
            square = keras.ops.expand_dims(inputs, -1) * keras.ops.expand_dims(states[0], 1) + keras.ops.eye(3)
            return tf.linalg.qr(square)[0][:, 0] + inputs, [inputs]

    x = keras.Input((None, 3))
    with pytest.raises(UnsupportedError) as e:
        capture(keras.Model(x, keras.layers.RNN(Solving(name="solving"), name="outer")(x)))
    assert [(i.where, i.op) for i in e.value.items] == [("outer/solving", "Qr")]
