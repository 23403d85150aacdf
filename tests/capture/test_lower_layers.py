"""Activations, normalizations, merging and reshaping layers, embeddings and attention, against predict()."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from kexport.ir.evaluator import evaluate
from tests.capture.agree import agree, integers, normal, op_counts, randomize

ACTIVATIONS = (
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu",
    "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink",
    "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "tanh",
    "tanh_shrink",
)  # fmt: skip
ONE_NODE = {
    "celu", "elu", "gelu", "hard_sigmoid", "hard_silu", "leaky_relu", "log_softmax", "relu", "relu6", "selu",
    "sigmoid", "silu", "softmax", "softplus", "softsign", "tanh", "threshold", "prelu",
}  # fmt: skip
"""Activations that stay one op of that name."""


def test_activations(keras: Any) -> None:
    layers = keras.layers
    x = keras.Input((8,))
    outputs = [layers.Activation(a, name=a)(x * 2.0) for a in ACTIVATIONS]
    parameters = {
        "gelu_tanh": lambda t: keras.activations.gelu(t, approximate=True),
        "threshold": lambda t: keras.activations.threshold(t, 0.2, -0.1),
        "steep_elu": lambda t: keras.activations.elu(t, alpha=0.7),
        "steep_celu": lambda t: keras.activations.celu(t, alpha=1.3),
        "leaky": lambda t: keras.activations.leaky_relu(t, negative_slope=0.05),
        "capped": lambda t: keras.activations.relu(t, max_value=1.5, negative_slope=0.1, threshold=0.2),
    }
    outputs += [layers.Lambda(f, name=n)(x) for n, f in parameters.items()]
    outputs += [layers.PReLU(name="prelu")(x), layers.ReLU(6.0, name="six")(x), layers.LeakyReLU(0.3, name="slope")(x)]
    extreme = np.array([[-100, -20, -1, -1e-3, 0, 1e-3, 1, 100]], np.float32)
    captured = agree(randomize(keras.Model(x, outputs)), [normal(3, 8)], [extreme])
    counts = op_counts(captured)
    assert not ONE_NODE - counts.keys()
    assert counts["gelu"] == 2
    assert counts["elu"] == 2
    assert counts["celu"] == 2


def test_softmax_over_several_axes(keras: Any) -> None:
    x = keras.Input((4, 5, 3))
    outputs = [keras.layers.Softmax(axis=a)(x) for a in ([1, 2], [-1, 1], 1, -1, [2])]
    captured = agree(keras.Model(x, outputs), [normal(2, 4, 5, 3)])
    assert op_counts(captured)["softmax"] == 5
    assert op_counts(captured)["exp"] == 0


def test_masked_softmax(keras: Any) -> None:
    x = keras.Input((4,))
    mask = keras.Input((4,), dtype="bool")
    model = keras.Model([x, mask], keras.layers.Softmax()(x, mask=mask))
    agree(model, [normal(2, 4), np.array([[1, 0, 1, 1], [0, 0, 1, 0]], bool)])


def test_normalizations(keras: Any) -> None:
    layers = keras.layers
    x = keras.Input((6, 5, 8))
    outputs = [
        layers.LayerNormalization(epsilon=1e-5)(x),
        layers.LayerNormalization(axis=[1, 2, 3], center=False)(x),
        layers.LayerNormalization(axis=[-2, -1], scale=False)(x),
        layers.LayerNormalization(axis=1)(x),
        layers.LayerNormalization(axis=[-1, 1])(x),
        layers.RMSNormalization()(x),
        layers.RMSNormalization(axis=[-2, -1])(x),
        layers.RMSNormalization(axis=1)(keras.ops.transpose(x[:, :, :, :6], (0, 3, 2, 1))),
        layers.GroupNormalization(4)(x),
        layers.GroupNormalization(3, axis=1, center=False)(x),
        layers.GroupNormalization(-1, scale=False)(x),
        layers.BatchNormalization()(x),
        layers.BatchNormalization(axis=1, epsilon=1e-2)(x),
        layers.BatchNormalization(scale=False, center=False)(layers.Flatten()(x)),
        layers.UnitNormalization()(x),
        layers.UnitNormalization(axis=[1, 2])(x),
        layers.Normalization(mean=np.arange(8.0), variance=np.arange(1.0, 9.0))(x),
        layers.Rescaling(1 / 127.5, offset=-1)(x),
    ]
    captured = agree(randomize(keras.Model(x, outputs)), [normal(2, 6, 5, 8) + 3])
    counts = op_counts(captured)
    assert (counts["layer_norm"], counts["rms_norm"], counts["group_norm"], counts["batch_norm"]) == (4, 2, 3, 3)


def test_one_number_is_normalized_with_the_rounding_of_keras(keras: Any) -> None:
    """All of it is rounding but for what is added, which verification is to know of.

    The layer is called op by op: `predict()` may have TensorFlow merge these into one kernel, which rounds less.
    """
    x = keras.Input((40, 1))
    model = randomize(keras.Model(x, keras.layers.LayerNormalization(epsilon=1e-6)(x)))
    captured = capture(model)
    batch = normal(4, 40, 1)
    theirs = np.array(model(batch))
    (ours,) = evaluate(captured.graph, {captured.contract.inputs[0].name: batch}).values()
    ours, theirs = (np.abs(y - np.array(model.layers[-1].beta)).max() for y in (ours, theirs))
    assert theirs > 1e-6
    assert theirs / 4 < ours < theirs * 4


def test_a_subclass_that_overrides_call_is_not_taken_for_its_parent(keras: Any) -> None:
    class Shifted(keras.layers.LayerNormalization):
        def call(self, inputs: Any) -> Any:
            return super().call(inputs) + 1.0

    class Renamed(keras.layers.LayerNormalization):
        pass

    x = keras.Input((8,))
    captured = agree(randomize(keras.Model(x, [Shifted()(x), Renamed()(x)])), [normal(2, 8)])
    assert [op_counts(captured)[name] for name in ("layer_norm", "add")] == [2, 1]


def test_merging(keras: Any) -> None:
    layers = keras.layers
    a = keras.Input((6,))
    b = keras.Input((6,))
    x = layers.Dense(6, activation="relu")(a)
    y = layers.Dense(6)(b)
    merged = [getattr(layers, n)()([x, y]) for n in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")]
    outputs = [*merged, layers.Concatenate()([x, y]), layers.Dot(1)([x, y]), layers.Dot(1, normalize=True)([a, b])]
    captured = agree(randomize(keras.Model([a, b], outputs)), [normal(3, 6), normal(3, 6, seed=1)])
    assert op_counts(captured)["mat_mul"] == 4


def test_reshaping(keras: Any) -> None:
    layers = keras.layers
    x = keras.Input((4, 6))
    outputs = [
        layers.Reshape((-1, 3))(x),
        layers.Reshape((2, 2, 6))(x),
        layers.Permute((2, 1))(x),
        layers.Flatten()(x),
        layers.RepeatVector(3)(layers.Flatten()(x)),
        layers.Dropout(0.5, name="dropout")(layers.GaussianNoise(0.1)(layers.SpatialDropout1D(0.3)(x))),
        layers.GlobalAveragePooling1D()(x),
        layers.Identity()(x),
        layers.Masking(0.0)(x),
        x,
    ]
    captured = agree(keras.Model(x, outputs), [normal(2, 4, 6)])
    assert {"dropout", "gaussian_noise", "spatial_dropout1d", "identity"}.isdisjoint(
        n.origin for n in captured.graph.nodes
    )


def test_embedding_has_no_wrapping_of_ids(keras: Any) -> None:
    x = keras.Input((None,), dtype="int32")
    y = keras.Input((3,))
    layer = keras.layers.Embedding(11, 4)
    captured = agree(
        randomize(keras.Model([x, y], [layer(x), layer(y)])),
        [integers(2, 5, high=11), integers(2, 3, high=11).astype("float32")],
    )
    assert op_counts(captured) == {"gather": 2, "cast": 1}


def test_an_embedding_that_is_used_backwards(keras: Any) -> None:
    x = keras.Input((None,), dtype="int32")
    layer = keras.layers.ReversibleEmbedding(11, 4)
    captured = agree(randomize(keras.Model(x, layer(layer(x), reverse=True))), [integers(2, 5, high=11)])
    assert op_counts(captured) == {"gather": 1, "mat_mul": 1}


def test_attention_with_masks(keras: Any) -> None:
    layers = keras.layers
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = layers.Embedding(20, 16, mask_zero=True, name="words")(ids)
    outputs = [
        layers.MultiHeadAttention(4, 4, name="plain")(x, x),
        layers.MultiHeadAttention(2, 8, value_dim=5)(x, x, use_causal_mask=True),
        layers.MultiHeadAttention(2, 8, dropout=0.1)(x, x, return_attention_scores=True)[1],
        layers.GroupQueryAttention(4, 4, 2)(x, x),
        layers.GroupQueryAttention(4, 4, 1)(x, x, use_causal_mask=True),
        layers.Attention(use_scale=True)([x, x]),
        layers.AdditiveAttention()([x, x]),
        layers.GlobalAveragePooling1D()(x),
    ]
    batches = [[np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]], np.int32)], [integers(1, 9, low=1, high=20)]]
    captured = agree(randomize(keras.Model(ids, outputs)), *batches)
    assert op_counts(captured)["split"] == 0
    origins = {n.origin for n in captured.graph.nodes}
    assert {"plain/query", "plain", "plain/attention_output", "words"} <= origins


def test_attention_without_masks_is_eight_nodes(keras: Any) -> None:
    x = keras.Input((None, 2, 8))
    model = keras.Model(x, keras.ops.dot_product_attention(x, x, x))
    assert sum(op_counts(agree(model, [normal(2, 5, 2, 8)])).values()) == 8


def test_einsum_dense_is_a_product_with_a_matrix(keras: Any) -> None:
    layers = keras.layers
    x = keras.Input((None, 6))
    heads = layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de", activation="relu", name="heads")(x)
    back = layers.EinsumDense("abde,dec->abc", (None, 6), bias_axes="c")(heads)
    captured = agree(randomize(keras.Model(x, back)), [normal(2, 5, 6)])
    products = [n for n in captured.graph.nodes if n.op.name == "mat_mul"]
    assert [n.inputs[1].type.shape for n in products] == [(6, 8), (8, 6)]
    assert all(n.inputs[1].is_constant for n in products)
    assert products[0].inputs[1].name == "heads/kernel"
    assert op_counts(captured)["transpose"] == 0


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_half_precision(keras: Any, policy: str) -> None:
    layers = keras.layers
    x = keras.Input((8, 8, 3), dtype="float32")
    y = layers.Conv2D(4, 3, activation="relu", dtype=policy)(x)
    y = layers.BatchNormalization(dtype=policy)(y)
    y = layers.LayerNormalization(dtype=policy)(y)
    y = layers.RMSNormalization(dtype=policy)(y)
    y = layers.Dense(5, activation="gelu", dtype=policy)(layers.GlobalAveragePooling2D(dtype=policy)(y))
    model = randomize(keras.Model(x, layers.Activation("softmax", dtype="float32")(y)))
    captured = agree(model, [normal(2, 8, 8, 3)], tolerance=2e-2)
    half = "bf16" if policy == "mixed_bfloat16" else "f16"
    assert any(str(n.outputs[0].type).startswith(half) for n in captured.graph.nodes if n.op.name == "conv")


def test_preprocessing(keras: Any) -> None:
    layers = keras.layers
    image = keras.Input((8, 8, 3), dtype="uint8")
    number = keras.Input((3,))
    ids = keras.Input((4,), dtype="int32")
    outputs = [
        layers.Rescaling(1 / 255)(image),
        layers.Discretization(bin_boundaries=[-1.0, 0.0, 0.5])(number),
        layers.CategoryEncoding(7, output_mode="multi_hot")(ids),
        layers.CategoryEncoding(7, output_mode="count")(ids),
        layers.CategoryEncoding(7, output_mode="one_hot")(ids[:, :1]),
        layers.RandomFlip()(layers.RandomContrast(0.2)(image)),
    ]
    arrays = [integers(2, 8, 8, 3, high=256, dtype="uint8"), normal(2, 3), integers(2, 4, high=7)]
    agree(keras.Model([image, number, ids], outputs), arrays)


def test_spectrograms(keras: Any) -> None:
    wave = keras.Input((800,))
    waves = keras.Input((400, 1))
    mel = keras.layers.MelSpectrogram(fft_length=128, sequence_stride=64, num_mel_bins=16, sampling_rate=8000)(wave)
    stft = keras.layers.STFTSpectrogram(mode="log", frame_length=80, frame_step=40, fft_length=128)(waves)
    agree(keras.Model([wave, waves], [mel, stft]), [normal(2, 800), normal(2, 400, 1)])


def test_quantized_layers(keras: Any) -> None:
    """The weights stay small integers; a cast of them is only done ahead of time where they are few."""
    x = keras.Input((500,))
    model = randomize(keras.Model(x, keras.layers.Dense(4)(keras.layers.Dense(100, activation="relu")(x))))
    model.quantize("int8")
    captured = agree(model, [normal(2, 500)], tolerance=1e-5)
    assert "i8[500,100]" in {str(v.type) for v in captured.graph.constants}
