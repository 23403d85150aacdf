"""Whole models: nested, shared, subclassed, with several inputs and outputs; Keras 2 and SavedModels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from kexport.ir.evaluator import evaluate
from kexport.ir.text import to_text
from tests.capture.agree import agree, integers, normal, op_counts, randomize


def test_nested_and_shared_models_keep_their_paths(keras: Any) -> None:
    layers = keras.layers
    inner = keras.Sequential([layers.Flatten(), layers.Dense(6, activation="relu", name="hidden")], name="inner")
    i = keras.Input((4, 4, 3))
    x = layers.Conv2D(5, 3, name="conv")(i)
    tower = keras.Model(i, [inner(x), layers.GlobalAveragePooling2D()(x)], name="tower")
    a = keras.Input((4, 4, 3), name="a")
    b = keras.Input((4, 4, 3), name="b")
    head = keras.Sequential([layers.Dense(5, activation="gelu"), layers.Dense(2, name="last")], name="head")
    model = keras.Model([a, b], head(layers.Concatenate()([*tower(a), *tower(b)])))
    captured = agree(randomize(model), [normal(2, 4, 4, 3), normal(2, 4, 4, 3, seed=1)])
    origins = [n.origin for n in captured.graph.nodes]
    assert origins.count("tower/conv") == 4  # two calls of a convolution and its bias
    assert {"tower/inner/hidden", "head/last"} <= set(origins)
    weights = [c for c in captured.graph.constants if c.name == "conv/kernel"]
    assert len(weights) == 1


def test_weights_are_not_copied(keras: Any) -> None:
    x = keras.Input((30,))
    heads = keras.layers.EinsumDense("bi,ijk->bjk", (2, 200), name="heads")(x)
    model = keras.Model(x, [keras.layers.Dense(400, name="wide")(x), heads])
    first = capture(model).graph.constants
    second = capture(model).graph.constants
    for name in ("wide/kernel", "heads/kernel"):
        kernels = [next(c.data for c in constants if c.name.endswith(name)) for constants in (first, second)]
        assert np.shares_memory(*kernels), name


def test_a_subclassed_model_with_dicts(keras: Any) -> None:
    class Ranker(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="ranker")
            self.words = keras.layers.Embedding(20, 8, name="words")
            self.dense = keras.layers.Dense(8, name="dense")
            self.blocks = [keras.layers.Dense(4, name=f"block_{i}") for i in range(2)]

        def call(self, inputs: Any) -> Any:
            h = keras.ops.mean(self.words(inputs["ids"]), axis=1) + self.dense(inputs["features"])
            return {"score": keras.ops.softmax(self.blocks[0](h)), "extra": [self.blocks[1](h), h]}

    example = {"ids": integers(2, 5, high=20), "features": normal(2, 6)}
    model = Ranker()
    model(example)
    captured = capture(randomize(model), example=example)
    contract = captured.contract
    assert {p.name for p in contract.inputs} == {"ids", "features"}
    assert set(contract.output_structure) == {"score", "extra"}
    order = [example[p.name] for p in contract.inputs]
    got = evaluate(captured.graph, {p.name: example[p.name] for p in contract.inputs})
    for port, want in zip(contract.outputs, captured.source.run(order), strict=True):
        np.testing.assert_allclose(got[port.name], want, rtol=1e-5, atol=1e-6)
    assert {"words", "dense", "block_0", "block_1"} <= {n.origin for n in captured.graph.nodes}


def test_dicts_in_and_out_of_a_functional_model(keras: Any) -> None:
    layers = keras.layers
    inputs = {
        "age": keras.Input((1,), name="age"),
        "ids": keras.Input((5,), dtype="int32", name="ids"),
        "image": keras.Input((8, 8, 1), name="image"),
    }
    words = layers.GlobalAveragePooling1D()(layers.Embedding(50, 8)(inputs["ids"]))
    pixels = layers.GlobalMaxPooling2D()(layers.Conv2D(8, 3, activation="relu")(inputs["image"]))
    h = layers.Dense(16, activation="relu")(layers.Concatenate()([inputs["age"], words, pixels]))
    model = keras.Model(inputs, {"kind": layers.Dense(3, activation="softmax")(h), "amount": layers.Dense(1)(h)})
    captured = agree(randomize(model), [normal(2, 1), integers(2, 5, high=50), normal(2, 8, 8, 1)])
    assert [p.name for p in captured.contract.inputs] == ["age", "ids", "image"]
    assert captured.contract.input_structure == {"age": 0, "ids": 1, "image": 2}
    assert captured.contract.output_structure == {"amount": 0, "kind": 1}


def test_an_output_may_be_an_input_or_stand_there_twice(keras: Any) -> None:
    x = keras.Input((3,), name="x")
    y = keras.layers.Dense(3)(x)
    agree(randomize(keras.Model(x, [x, y, y])), [normal(2, 3)])


def test_custom_layers_in_keras_ops_and_in_tensorflow(keras: Any) -> None:
    import tensorflow as tf

    class Codebook(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.codes = self.add_weight(shape=(8, shape[-1]), name="codes")

        def call(self, x: Any) -> Any:
            k = keras.ops
            distance = k.sum(k.square(k.expand_dims(x, 1) - self.codes), axis=-1)
            return x + k.take(self.codes, k.argmin(distance, axis=-1), axis=0)

    class Raw(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.w = self.add_weight(shape=(shape[-1], shape[-1]), name="w")

        @tf.function
        def mixed(self, x: Any) -> Any:
            return tf.linalg.matmul(x, self.w) + tf.cumsum(x, axis=-1)

        def call(self, x: Any) -> Any:
            y = tf.nn.leaky_relu(self.mixed(self.mixed(x)), 0.1)
            return tf.reduce_max(tf.reshape(y, [tf.shape(y)[0], tf.shape(y)[1] // 2, 2]), axis=-1)

        def compute_output_shape(self, shape: Any) -> Any:
            return (shape[0], shape[1] // 2)

    x = keras.Input((6,))
    model = randomize(keras.Model(x, Raw(name="raw")(Codebook(name="codebook")(x))))
    captured = agree(model, [normal(3, 6)])
    assert {n.origin for n in captured.graph.nodes} == {"raw", "codebook"}
    assert op_counts(captured)["select"] == 0  # positions of minima are never negative


def test_a_layer_in_a_tf_function_called_twice(keras: Any) -> None:
    import tensorflow as tf

    class Twice(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="twice")
            self.dense = keras.layers.Dense(4, activation="gelu", name="inside")

        @tf.function
        def step(self, x: Any) -> Any:
            return self.dense(x)

        def call(self, x: Any) -> Any:
            return self.step(self.step(x))

    x = keras.Input((4,))
    captured = agree(keras.Model(x, Twice()(x)), [normal(2, 4)])
    assert op_counts(captured) == {"mat_mul": 2, "add": 2, "gelu": 2}
    assert {n.origin for n in captured.graph.nodes} == {"twice/inside"}


def test_branches_on_sizes_are_decided(keras: Any) -> None:
    import tensorflow as tf

    class Branch(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return tf.cond(tf.shape(x)[1] > 2, lambda: x * 2.0, lambda: x - 1.0)

    x = keras.Input((3,))
    captured = agree(keras.Model(x, Branch()(x)), [normal(2, 3)])
    assert op_counts(captured) == {"mul": 1}


def small_cnn(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((12, 10, 4), name="image")
    y = layers.Conv2D(8, 3, padding="same", dilation_rate=2, activation="relu", name="first")(x)
    y = layers.DepthwiseConv2D(3, dilation_rate=2)(layers.BatchNormalization()(y))
    y = layers.Conv2DTranspose(5, 3, strides=2, padding="same")(layers.SeparableConv2D(6, 3, activation="selu")(y))
    y = layers.MaxPooling2D(2)(layers.UpSampling2D(2, interpolation="bilinear")(y))
    y = layers.GlobalAveragePooling2D()(layers.LayerNormalization()(y))
    return randomize(keras.Model(x, layers.Dense(7, activation="softmax")(y)))


def test_keras_2(tf_keras: Any) -> None:
    captured = agree(small_cnn(tf_keras), [normal(2, 12, 10, 4)])
    counts = op_counts(captured)
    assert (counts["conv"], counts["depthwise_conv"], counts["layer_norm"], counts["batch_norm"]) == (2, 2, 1, 1)
    assert "pad" not in counts
    assert "first" in {n.origin for n in captured.graph.nodes}


@pytest.mark.parametrize("kind", ["keras", "tf_keras"])
def test_saved_models(keras: Any, tf_keras: Any, tmp_path: Path, kind: str) -> None:
    if kind == "keras":
        small_cnn(keras).export(tmp_path / "model", verbose=False)
    else:
        small_cnn(tf_keras).save(tmp_path / "model")
    captured = agree(str(tmp_path / "model"), [normal(2, 12, 10, 4)], trust=True)
    counts = op_counts(captured)
    assert (counts["conv"], counts["depthwise_conv"], counts["conv_transpose"]) == (2, 2, 1)
    assert "pad" not in counts
    assert any("conv2d" in n.origin or "first" in n.origin for n in captured.graph.nodes)


def test_the_same_model_gives_the_same_graph(keras: Any) -> None:
    model = small_cnn(keras)
    assert to_text(capture(model).graph) == to_text(capture(model).graph)


def test_time_distributed_over_any_number_of_steps(keras: Any) -> None:
    """In a graph Keras takes the batch for the steps: 3 of 7, and for 2 of a batch of 5 it fails."""
    x = keras.Input((None, 4))
    model = keras.Model(x, keras.layers.TimeDistributed(keras.layers.Dense(5))(x))
    agree(randomize(model), [normal(3, 7, 4)], [normal(5, 2, 4)], [normal(1, 6, 4)])
