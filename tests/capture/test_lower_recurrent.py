"""Recurrent layers, against predict(): one op for each of Keras' own, a scan for any other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.ops import GATE_ACTIVATIONS
from tests.capture.agree import agree, integers, normal, op_counts, randomize

CELLS = {
    "lstm": lambda layers, units, **options: layers.LSTM(units, **options),
    "gru": lambda layers, units, **options: layers.GRU(units, **options),
    "gru_before": lambda layers, units, **options: layers.GRU(units, reset_after=False, **options),
    "simple_rnn": lambda layers, units, **options: layers.SimpleRNN(units, **options),
}
LOOPS = {"while", "scan", "if"}
HOLES = np.array([[1, 0, 1, 1, 0], [0, 0, 1, 0, 1], [0, 0, 0, 0, 0]], np.float32)
"""Steps that are there: with holes at the start, in the middle and at the end, and a sequence of none."""

each_cell = pytest.mark.parametrize("cell", CELLS)


def op_of(cell: str) -> str:
    return cell.removesuffix("_before")


@each_cell
def test_one_op_with_any_batch_and_length(keras: Any, cell: str) -> None:
    x = keras.Input((None, 3))
    captured = agree(randomize(keras.Model(x, CELLS[cell](keras.layers, 4)(x))), [normal(2, 5, 3)], [normal(3, 2, 3)])
    counts = op_counts(captured)
    assert counts[op_of(cell)] == 1
    assert not LOOPS & counts.keys()
    assert set(counts) == {op_of(cell), "full"}


@each_cell
def test_what_is_returned(keras: Any, cell: str) -> None:
    x = keras.Input((None, 3))
    outputs = [
        CELLS[cell](keras.layers, 4, return_sequences=s, return_state=True, go_backwards=b)(x)
        for s in (False, True)
        for b in (False, True)
    ]
    captured = agree(randomize(keras.Model(x, outputs)), [normal(2, 5, 3)])
    counts = op_counts(captured)
    assert (counts[op_of(cell)], counts["reverse"]) == (4, 1)


@each_cell
def test_without_bias(keras: Any, cell: str) -> None:
    x = keras.Input((5, 3))
    captured = agree(
        randomize(keras.Model(x, CELLS[cell](keras.layers, 4, use_bias=False, implementation=1)(x)))
        if op_of(cell) != "simple_rnn"
        else randomize(keras.Model(x, CELLS[cell](keras.layers, 4, use_bias=False)(x))),
        [normal(2, 5, 3)],
    )
    assert op_counts(captured)[op_of(cell)] == 1


@each_cell
@pytest.mark.parametrize("unroll", [False, True])
def test_masks_are_exact(keras: Any, cell: str, unroll: bool) -> None:
    x = keras.Input((5, 3))
    mask = keras.Input((5,), dtype="bool")
    states = [keras.Input((4,)) for _ in range(2 if cell == "lstm" else 1)]
    options = [(s, z, b) for s in (False, True) for z in (False, True) for b in (False, True)]
    outputs = [
        CELLS[cell](
            keras.layers,
            4,
            return_sequences=s,
            zero_output_for_mask=z,
            go_backwards=b,
            return_state=True,
            unroll=unroll,
        )(x, mask=mask, initial_state=states)
        for s, z, b in options
    ]
    model = randomize(keras.Model([x, mask, *states], outputs))
    state = [normal(3, 4, seed=i + 1) for i in range(len(states))]
    captured = agree(model, [normal(3, 5, 3), HOLES.astype(bool), *state])
    assert op_counts(captured)[op_of(cell)] == len(options)
    assert not LOOPS & op_counts(captured).keys()


def test_masks_from_layers(keras: Any) -> None:
    layers = keras.layers
    ids = keras.Input((None,), dtype="int32")
    embedded = layers.Embedding(7, 3, mask_zero=True)(ids)
    outputs = [
        layers.LSTM(4)(layers.GRU(3, return_sequences=True)(embedded)),
        layers.Bidirectional(layers.LSTM(2, return_sequences=True))(embedded),
        layers.SimpleRNN(3, go_backwards=True)(layers.Masking(0.0)(layers.Dense(3, use_bias=False)(embedded))),
    ]
    tokens = integers(3, 5, low=1, high=7) * HOLES.astype("int32")
    captured = agree(randomize(keras.Model(ids, outputs)), [tokens])
    assert not LOOPS & op_counts(captured).keys()


def test_a_masked_layer_without_initial_state_needs_no_outputs_but_the_last(keras: Any) -> None:
    x = keras.Input((None, 3))
    captured = agree(
        randomize(keras.Model(x, keras.layers.LSTM(4)(keras.layers.Masking()(x)))),
        [normal(3, 5, 3) * HOLES[..., None]],
    )
    (node,) = [n for n in captured.graph.nodes if n.op.name == "lstm"]
    assert [bool(captured.graph.is_used(v)) for v in node.outputs] == [False, True, False]


@pytest.mark.parametrize("activation", [*GATE_ACTIVATIONS, "linear"])
def test_gate_activations(keras: Any, activation: str) -> None:
    x = keras.Input((4, 3))
    options = {"activation": activation, "recurrent_activation": activation}
    outputs = [keras.layers.LSTM(3, **options)(x), keras.layers.GRU(3, **options)(x)]
    captured = agree(randomize(keras.Model(x, outputs)), [normal(2, 4, 3)])
    counts = op_counts(captured)
    assert (counts["lstm"], counts["gru"]) == (1, 1)
    assert not LOOPS & counts.keys()


def test_other_activations_give_a_scan(keras: Any) -> None:
    x = keras.Input((None, 3))
    outputs = [
        keras.layers.LSTM(4, activation="gelu")(x),
        keras.layers.GRU(4, recurrent_activation=lambda t: keras.ops.sigmoid(2 * t))(x),
        keras.layers.SimpleRNN(4, activation=keras.layers.LeakyReLU(0.1), go_backwards=True)(x),
    ]
    captured = agree(randomize(keras.Model(x, outputs)), [normal(2, 5, 3)], [normal(3, 2, 3)])
    counts = op_counts(captured)
    assert counts["scan"] == 3
    assert not counts.keys() & {"lstm", "gru", "simple_rnn", "while"}


@each_cell
def test_initial_states(keras: Any, cell: str) -> None:
    x = keras.Input((5, 3))
    h = keras.Input((4,))
    c = keras.Input((4,))
    states = [h, c] if cell == "lstm" else [h]
    y = CELLS[cell](keras.layers, 4, return_state=True)(x, initial_state=states)
    again = CELLS[cell](keras.layers, 4)(x, initial_state=y[1:])
    inputs = [x, *states]
    batch = [normal(2, 5, 3), *(normal(2, 4, seed=i) for i in range(len(states)))]
    captured = agree(randomize(keras.Model(inputs, [*y, again])), batch)
    assert dict(op_counts(captured)) == {op_of(cell): 2}


@each_cell
@pytest.mark.parametrize("masked", [False, True])
def test_bidirectional(keras: Any, cell: str, masked: bool) -> None:
    layers = keras.layers
    x = keras.Input((None, 3))
    inner = layers.Masking()(x) if masked else x
    outputs = [
        layers.Bidirectional(CELLS[cell](layers, 2, return_sequences=s, return_state=True), merge_mode=m)(inner)
        for m, s in (("sum", False), ("mul", True), ("ave", True), ("concat", False), ("concat", True), (None, True))
    ]
    outputs.append(layers.Bidirectional(layers.LSTM(2), backward_layer=layers.GRU(3, go_backwards=True))(inner))
    batch = normal(3, 5, 3) * HOLES[..., None] if masked else normal(3, 5, 3)
    captured = agree(randomize(keras.Model(x, outputs)), [batch])
    assert not LOOPS & op_counts(captured).keys()


def test_dropout_is_idle(keras: Any) -> None:
    x = keras.Input((5, 3))
    options = {"dropout": 0.5, "recurrent_dropout": 0.5, "seed": 1}
    outputs = [make(keras.layers, 4, **options)(x) for make in CELLS.values()]
    cells = [keras.layers.LSTMCell(4, **options), keras.layers.GRUCell(3, **options)]
    outputs += [keras.layers.RNN(keras.layers.StackedRNNCells(cells))(x)]
    captured = agree(randomize(keras.Model(x, outputs)), [normal(2, 5, 3)])
    counts = op_counts(captured)
    assert (counts["lstm"], counts["gru"], counts["simple_rnn"]) == (2, 3, 1)
    assert not LOOPS & counts.keys()


@pytest.mark.parametrize("policy", ["mixed_float16", "float16", "float64", "mixed_bfloat16"])
def test_dtype_policies(keras: Any, policy: str) -> None:
    x = keras.Input((5, 3))
    outputs = [make(keras.layers, 4, dtype=policy, return_sequences=True)(x) for make in CELLS.values()]
    floats = [keras.layers.Activation("linear", dtype="float32")(y) for y in outputs]
    tolerance = {"float64": 2e-5, "mixed_bfloat16": 3e-2}.get(policy, 6e-3)
    captured = agree(randomize(keras.Model(x, floats)), [normal(2, 5, 3)], tolerance=tolerance)
    assert op_counts(captured)["gru"] == 2
