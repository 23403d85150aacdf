"""The models that faults are injected into: small, of many kinds of layers, with sides that differ everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kexport.ir.op import Array

Arrays = Mapping[str, Array]


def cnn() -> Any:
    """A classifier of images that are wider than high: normalized pixels, norms, depthwise, groups, a residual."""
    import keras
    from keras import layers

    image = keras.Input((19, 14, 3), name="image")
    x = layers.Normalization(mean=[110.0, 120.0, 130.0], variance=[3000.0, 3600.0, 4200.0], name="pixels")(image)
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="stem")(x)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = layers.ReLU(6.0, name="stem_relu")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="relu", name="depthwise")(x)
    x = layers.Conv2D(8, 1, name="project")(x)
    y = layers.BatchNormalization(name="before")(x)
    y = layers.LeakyReLU(negative_slope=0.1, name="leaky")(y)
    y = layers.Conv2D(8, 3, padding="same", dilation_rate=2, groups=2, name="grouped")(y)
    x = layers.Add(name="residual")([x, y])
    x = layers.AveragePooling2D(2, padding="same", name="average")(x)
    x = layers.Conv2D(8, (3, 2), padding="same", activation="tanh", name="odd")(x)
    x = layers.MaxPooling2D(2, strides=1, name="maximum")(x)
    x = layers.GlobalAveragePooling2D(name="global")(x)
    return keras.Model(image, layers.Dense(5, activation="softmax", name="probabilities")(x), name="cnn")


def mlp() -> Any:
    """Dense layers with many activations and norms, two branches of one shape, and softmax."""
    import keras
    from keras import layers, ops

    x = keras.Input((12,), name="features")
    h = layers.Dense(16, activation="gelu", name="first")(x)
    h = layers.LayerNormalization(epsilon=1e-3, name="norm")(h)
    a = layers.Dense(16, activation="elu", name="left")(h)
    b = layers.Dense(16, activation="silu", name="right")(h)
    h = layers.Subtract(name="difference")([a, b]) + layers.Multiply(name="product")([a, b])
    h = layers.BatchNormalization(name="scaled")(h)
    h = layers.Dense(16, activation="softplus", name="positive")(h)
    h = layers.RMSNormalization(epsilon=1e-3, name="rms")(h)
    h = ops.clip(h, 0.4, 1.3) / (1.0 + layers.Activation("sigmoid", name="gate")(a))
    h = layers.Dense(16, activation="tanh", name="last")(h)
    h = layers.Maximum(name="greatest")([h, a]) + layers.Minimum(name="least")([h, b])
    return keras.Model(x, layers.Dense(6, activation="softmax", name="classes")(h), name="mlp")


def encoder() -> Any:
    """A transformer encoder on padded sequences of any length: embedding, positions, masked attention, masked mean."""
    import keras
    from keras import layers, ops

    ids = keras.Input((None,), dtype="int32", name="ids")
    mask = keras.Input((None,), dtype="bool", name="mask")
    x = layers.Embedding(23, 12, name="tokens")(ids)
    positions = ops.cumsum(ops.ones_like(ids), axis=1) - 1
    x = x + layers.Embedding(64, 12, name="positions")(ops.minimum(positions, 63))
    y = layers.LayerNormalization(epsilon=1e-5, name="norm_1")(x)
    y = layers.MultiHeadAttention(2, 6, name="attention")(y, y, attention_mask=mask[:, None, :])
    x = layers.Add(name="residual_1")([x, y])
    y = layers.LayerNormalization(epsilon=1e-5, name="norm_2")(x)
    y = ops.gelu(layers.Dense(20, name="wide")(y), approximate=True)
    y = layers.Dense(12, name="narrow")(y)
    x = layers.Add(name="residual_2")([x, y])
    weight = ops.cast(mask, "float32")[:, :, None]
    pooled = ops.sum(x * weight, axis=1) / ops.maximum(ops.sum(weight, axis=1), 1.0)
    return keras.Model([ids, mask], layers.Dense(4, name="scores")(pooled), name="encoder")


def unet() -> Any:
    """Down and up again, with every kind of upsampling, and the skipped half put beside the rest."""
    import keras
    from keras import layers, ops

    image = keras.Input((12, 8, 2), name="image")
    top = layers.Conv2D(6, 3, padding="same", activation="relu", name="top")(image)
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="down")(top)
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_uniform", name="prelu")(x)
    x = layers.GroupNormalization(groups=2, name="groups")(x)
    x = layers.Conv2DTranspose(6, 3, strides=2, padding="same", activation="selu", name="up")(x)
    x = layers.Concatenate(name="skip")([top, x])
    x = layers.Conv2D(6, 3, padding="valid", name="mix")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", name="smooth")(x)
    x = layers.Conv2DTranspose(4, 4, strides=2, padding="valid", output_padding=1, name="more")(x)
    x = ops.image.resize(x, (17, 23), interpolation="nearest")
    x = layers.ZeroPadding2D(((1, 0), (0, 1)), name="border")(x)
    x = layers.Conv2D(3, 2, activation="sigmoid", name="segments")(x)
    return keras.Model(image, x, name="unet")


def whole() -> Any:
    """Whole numbers out: the largest class, ranks, counts, buckets, a narrow integer."""
    import keras
    from keras import layers, ops

    x = keras.Input((7, 5), name="values")
    codes = keras.Input((7,), dtype="int32", name="codes")
    logits = layers.ReLU(name="scores")(layers.Dense(6, name="dense")(x))
    label = ops.argmax(logits, axis=-1)
    best, order = ops.top_k(ops.max(x, axis=-1), 3)
    counts = ops.cumsum(ops.cast(ops.greater(x[:, :, 0], 0.1), "int32"), axis=1)
    buckets = ops.cast(ops.floor(x[:, :, 1] * 4.0), "int32")
    table = ops.convert_to_tensor(np.array([3, 141, 59, 265, 35, 897, 93, 238, 462, 643], "int32"))
    looked = ops.take(table, codes) * 37 + label
    marked = ops.any(ops.greater(x, 1.2), axis=-1)
    outputs = {
        "label": label,
        "order": order,
        "counts": counts,
        "buckets": buckets,
        "looked": looked,
        "marked": marked,
        "best": best,
        "lit": ops.sum(ops.one_hot(codes, 10), axis=1),
    }
    return keras.Model([x, codes], outputs, name="whole")


def series() -> Any:
    """Time series of any length: causal convolutions, running sums, flips, two inputs and two outputs of one shape."""
    import keras
    from keras import layers, ops

    past = keras.Input((None, 4), name="past")
    now = keras.Input((None, 4), name="now")
    x = layers.Concatenate(name="both")([past, now])
    x = layers.Conv1D(8, 3, padding="causal", dilation_rate=2, activation="relu", name="causal")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.LayerNormalization(axis=-1, epsilon=1e-3, name="steps")(x)
    back = ops.flip(x, axis=1)
    x = layers.Conv1D(8, 3, padding="same", name="ahead")(x) + 0.1 * ops.cumsum(back, axis=1)
    first, second = ops.split(x, 2, axis=-1)
    level = layers.Dense(4, name="level_dense")(first) + past
    trend = layers.Dense(4, activation="hard_sigmoid", name="trend_dense")(second) * now
    total = ops.where(ops.less(level, 0.0), ops.exp(level), ops.sqrt(ops.abs(level)) + 1.0)
    return keras.Model(
        {"past": past, "now": now},
        {"level": level, "trend": trend, "total": ops.mean(total, axis=1), "peak": ops.max(x, axis=1)},
        name="series",
    )


def turns() -> Any:
    """Square matrices, where a wrong axis keeps every shape: products, borders, the largest of a column."""
    import keras
    from keras import layers, ops

    x = keras.Input((6, 6), name="square")
    y = layers.Dense(6, name="mixed")(x)
    product = ops.matmul(x, ops.transpose(ops.tanh(y), (0, 2, 1)))
    both = ops.matmul(layers.Softmax(name="weights")(product), y)
    bent = ops.pad(layers.ReLU(6.0, name="capped")(both * 8.0), ((0, 0), (2, 0), (0, 1)), mode="reflect")
    turned = ops.exp(ops.transpose(both, (0, 2, 1)) * 0.3) + x[:, :, ::-1]
    outputs = {"product": product, "bent": bent, "turned": turned, "largest": ops.argmax(y, axis=1)}
    return keras.Model(x, outputs, name="turns")


def recurrent() -> Any:
    """An LSTM and a GRU that reads backwards, step after step."""
    import keras
    from keras import layers

    x = keras.Input((4, 3), name="steps")
    h = layers.LSTM(4, return_sequences=True, unroll=True, name="lstm")(x)
    h = layers.GRU(4, go_backwards=True, unroll=True, name="gru")(h)
    return keras.Model(x, layers.Dense(3, name="result")(h), name="recurrent")


def _pixels(rng: np.random.Generator) -> Arrays:
    smooth = np.linspace(0, 255, 19)[:, None, None] * np.linspace(0.2, 1, 14)[None, :, None] * np.array([1, 0.7, 0.4])
    return {"image": np.stack([smooth, *rng.uniform(0, 255, (3, 19, 14, 3))]).astype(np.float32)}


def _normal(name: str, *shape: int, scale: float = 1.0) -> Callable[[np.random.Generator], Arrays]:
    return lambda rng: {name: (scale * rng.standard_normal((4, *shape))).astype(np.float32)}


def _padded(rng: np.random.Generator) -> Arrays:
    lengths = np.array([9, 4, 6, 1])[:, None]
    return {"ids": rng.integers(0, 23, (4, 9)).astype(np.int32), "mask": np.arange(9)[None, :] < lengths}


def _coded(rng: np.random.Generator) -> Arrays:
    values = rng.standard_normal((4, 7, 5)).astype(np.float32)
    return {"values": values, "codes": rng.integers(0, 10, (4, 7)).astype(np.int32)}


def _steps(rng: np.random.Generator) -> Arrays:
    return {name: rng.standard_normal((4, 11, 4)).astype(np.float32) for name in ("past", "now")}


MODELS: dict[str, tuple[Callable[[], Any], Callable[[np.random.Generator], Arrays]]] = {
    "cnn": (cnn, _pixels),
    "mlp": (mlp, _normal("features", 12)),
    "encoder": (encoder, _padded),
    "unet": (unet, _normal("image", 12, 8, 2)),
    "whole": (whole, _coded),
    "series": (series, _steps),
    "turns": (turns, _normal("square", 6, 6)),
    "recurrent": (recurrent, _normal("steps", 4, 3)),
}
"""Name -> (the Keras model, inputs as its user would have them). These inputs are no part of any reference."""


def build(name: str) -> Any:
    """The model with random weights, norms and biases included, so that none of them is idle."""
    import keras

    keras.utils.set_random_seed(11)
    model = MODELS[name][0]()
    rng = np.random.default_rng(12)
    for layer in model.layers:
        layer.set_weights([_weight(w, rng) for w in layer.weights])
    return model


def _weight(weight: Any, rng: np.random.Generator) -> Array:
    name = weight.name
    value = np.asarray(weight)
    if name == "moving_variance":
        return rng.uniform(0.4, 1.6, value.shape)
    if name in ("gamma", "scale"):
        return rng.uniform(0.6, 1.4, value.shape)
    if name in ("beta", "bias", "moving_mean", "recurrent_kernel"):
        return rng.uniform(-0.4, 0.4, value.shape)
    return value
