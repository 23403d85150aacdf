"""Random numbers: drawn by the artifact in every run, explained by what Keras draws, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kexport.capture.capturing import capture
from kexport.capture.sources.run import run_drawing
from kexport.errors import UnsupportedError
from kexport.ir.evaluator import evaluate
from kexport.verify.draws import draws_of, given, random_outputs
from tests.capture.agree import TOLERANCE, normal, randomize, relative_error
from tests.capture.layer_of import layer_of
from tests.drawing import drawing_layer, sampling_model


def explained(model: Any, *arrays: Any) -> Any:
    """Capture a model; with the numbers that Keras draws, the graph computes what Keras does."""
    captured = capture(model)
    drawing = run_drawing(captured.source)
    outputs, draws = drawing(arrays)
    numbers = {str(k): a for k, a in draws.items()}
    inputs = {p.name: a for p, a in zip(captured.contract.inputs, arrays, strict=True)}
    assert draws_of(captured.graph).keys() <= numbers.keys()
    for wide in (True, False):
        found = evaluate(captured.graph, inputs, wide=wide, observe=given(numbers))
        for port, want in zip(captured.contract.outputs, outputs, strict=True):
            got = found[port.name]
            assert got.shape == want.shape
            assert want.dtype.kind != "f" or relative_error(got, want) <= TOLERANCE, port.name
            assert want.dtype.kind == "f" or np.array_equal(got, want), port.name
    return captured


def test_every_distribution(keras: Any) -> None:
    random = keras.random
    ops = keras.ops

    def draw(seed: Any, x: Any) -> Any:
        shape = ops.shape(x)
        return [
            random.normal(shape, 1.0, 2.0, seed=seed),
            random.uniform(shape, -1, 2, seed=seed),
            random.truncated_normal(shape, 1.0, 0.5, seed=seed),
            random.randint(shape, 2, 9, seed=seed),
            random.categorical(x, 6, seed=seed),
            random.dropout(x, 0.3, seed=seed),
            x * random.normal((), seed=seed),
            random.normal((2, 3), dtype="float16", seed=seed),
            random.shuffle(x, axis=1, seed=seed),
        ]

    x = keras.Input((4,))
    captured = explained(keras.Model(x, drawing_layer(keras, draw)(x)), normal(5, 4))
    names = [n.op.name for n in draws_of(captured.graph).values()]
    assert names == ["random_normal", *["random_uniform"] * 5, *["random_normal"] * 2, "random_uniform"]
    assert len(random_outputs(captured.graph)) == 9


def test_functions_of_tensorflow(keras: Any) -> None:
    x = keras.Input((4,))

    def draw(a: Any) -> Any:
        shape = tf.shape(a)
        return [
            a + tf.random.normal(shape),
            tf.random.uniform(shape, 3, 4),
            tf.random.truncated_normal([2, 3]),
            tf.random.uniform(shape, 0, 7, tf.int32),
            tf.random.categorical(a, 3),
            tf.nn.dropout(a, 0.5),
        ]

    captured = explained(keras.Model(x, layer_of(keras, draw)(x)), normal(3, 4))
    assert len(draws_of(captured.graph)) == 6


def test_layers_that_draw_where_they_are_told_to(keras: Any) -> None:
    """In a model of its own, `training=True` is what a layer hears; a functional model says False to it."""

    class Uncertain(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(3)
            self.drop = keras.layers.Dropout(0.5)

        def call(self, x: Any) -> Any:
            return self.drop(self.dense(x), training=True)

    model = Uncertain()
    model(normal(2, 4))
    captured = explained(model, normal(6, 4))
    assert random_outputs(captured.graph) == tuple(p.name for p in captured.contract.outputs)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_recurrent_layers_with_dropout_while_training(keras: Any, name: str) -> None:
    """Keras draws one mask for all steps, before the loop."""
    layer = getattr(keras.layers, name)(3, dropout=0.5, recurrent_dropout=0.4, return_sequences=True, name="noisy")
    x = keras.Input((4, 3))
    model = keras.Model(x, layer_of(keras, lambda t: layer(t, training=True), "outer")(x))
    captured = explained(randomize(model), normal(5, 4, 3))
    assert draws_of(captured.graph)


def test_outputs_before_the_draw_are_not_random(keras: Any) -> None:
    captured = explained(sampling_model(keras), normal(4, 6))
    assert set(random_outputs(captured.graph)) == {"image", "kind"}


def test_a_fixed_seed_is_a_constant(keras: Any) -> None:
    x = keras.Input((4,))
    fixed = layer_of(keras, lambda a: a + keras.random.normal((4,), seed=3))(x)
    captured = explained(keras.Model(x, fixed), normal(2, 4))
    assert not draws_of(captured.graph)


def test_running_leaves_seeds_as_they_were(keras: Any) -> None:
    model = sampling_model(keras)
    before = [np.array(v) for v in model.variables]
    captured = capture(model)
    run_drawing(captured.source)([normal(2, 6)])
    captured.source.run([normal(2, 6)])
    assert all(np.array_equal(a, np.array(v)) for a, v in zip(before, model.variables, strict=True))


def refusal(model: Any) -> str:
    with pytest.raises(UnsupportedError) as caught:
        capture(model)
    return str(caught.value)


def test_a_fixed_seed_for_an_open_size_is_refused(keras: Any) -> None:
    x = keras.Input((4,))
    fixed = layer_of(keras, lambda a: a + keras.random.normal(keras.ops.shape(a), seed=3), "noise")(x)
    assert "noise: StatelessRandomNormalV2: it draws the same random numbers" in refusal(keras.Model(x, fixed))


def test_a_seed_that_is_an_input_is_refused(keras: Any) -> None:
    seed = keras.Input(batch_shape=(2,), dtype="int32")
    x = keras.Input((4,))
    noise = layer_of(keras, lambda s, a: a + tf.random.stateless_normal([4], s), "noise")(seed, x)
    assert "from a seed that is computed" in refusal(keras.Model([seed, x], noise))


def test_draws_in_loops_are_refused(keras: Any) -> None:
    x = keras.Input((4,))

    def draw(seed: Any, a: Any) -> Any:
        return keras.ops.fori_loop(0, 3, lambda i, s: s + keras.random.normal((4,), seed=seed), a)

    assert "in a loop, a branch or a function of its own" in refusal(keras.Model(x, drawing_layer(keras, draw)(x)))


@pytest.mark.parametrize("kind", ["gamma", "binomial"])
def test_what_no_format_draws_is_refused(keras: Any, kind: str) -> None:
    random = keras.random
    x = keras.Input((4,))
    draw = {
        "gamma": lambda seed, a: a * random.gamma((4,), 2.0, seed=seed),
        "binomial": lambda seed, a: a * random.binomial((4,), 3.0, 0.5, seed=seed),
    }[kind]
    assert "draws random numbers; make them an input" in refusal(keras.Model(x, drawing_layer(keras, draw)(x)))
