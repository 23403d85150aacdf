"""Right models of many kinds: what people train, small enough for hundreds of them. Each is a function by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

Model = Callable[[], Any]
HEADS = (
    "sigmoid", "softmax", "tanh", "linear", "relu", "silu", "mish", "softplus", "gelu", "elu", "selu", "exponential",
    "softsign", "hard_sigmoid", "hard_silu", "log_sigmoid", "log_softmax", "leaky_relu", "relu6", "tanh_shrink",
)  # fmt: skip
HIDDEN = ("relu", "tanh", "gelu", "silu", "elu", "mish", "softplus", "selu", "sigmoid")


def head(activation: str, units: int, inputs: int) -> Any:
    """One dense layer."""
    import keras

    x = keras.Input((inputs,), name="x")
    return keras.Model(x, keras.layers.Dense(units, activation, name="head")(x), name="m")


def mlp(hidden: str, last: str, units: int, depth: int, norm: str = "") -> Any:
    """Dense layers of one activation, and a head."""
    import keras
    from keras import layers

    x = y = keras.Input((12,), name="x")
    for i in range(depth):
        y = layers.Dense(32, name=f"dense_{i}")(y)
        if norm:
            y = getattr(layers, norm)(name=f"norm_{i}")(y)
        y = layers.Activation(hidden, name=f"act_{i}")(y)
    return keras.Model(x, layers.Dense(units, last, name="head")(y), name="m")


def recurrent(cell: str, units: int, sequences: bool, both: bool, last: str) -> Any:
    """A recurrent layer, bare if there is no `last` activation."""
    import keras
    from keras import layers

    x = keras.Input((9, 4), name="x")
    layer = getattr(layers, cell)(units, return_sequences=sequences, name="cell")
    y = layers.Bidirectional(layer, name="both")(x) if both else layer(x)
    return keras.Model(x, layers.Dense(1, last, name="head")(y) if last else y, name="m")


def cnn(hidden: str, last: str, units: int, norm: bool, pool: str) -> Any:
    """Two convolutions, a pooling and a head."""
    import keras
    from keras import layers

    x = keras.Input((14, 12, 3), name="image")
    y = layers.Rescaling(1 / 255, name="pixels")(x) if units == 1 else x
    for i, width in enumerate((8, 12)):
        y = layers.Conv2D(width, 3, padding="same", use_bias=not norm, name=f"conv_{i}")(y)
        if norm:
            y = layers.BatchNormalization(name=f"norm_{i}")(y)
        y = layers.Activation(hidden, name=f"act_{i}")(y)
        y = getattr(layers, f"{pool}Pooling2D")(2, name=f"pool_{i}")(y)
    y = layers.Flatten(name="flat")(y) if pool == "Max" else layers.GlobalAveragePooling2D(name="mean")(y)
    return keras.Model(x, layers.Dense(units, last, name="head")(y), name="m")


def mobile(activation: str, last: str) -> Any:
    """Inverted residuals with squeeze and excitation."""
    import keras
    from keras import layers

    x = keras.Input((16, 16, 3), name="image")
    y = layers.Conv2D(8, 3, 2, "same", use_bias=False, name="stem")(x)
    for i in range(2):
        z = layers.Conv2D(24, 1, use_bias=False, name=f"wide_{i}")(y)
        z = layers.Activation(activation, name=f"a_{i}")(layers.BatchNormalization(name=f"n_{i}")(z))
        z = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"d_{i}")(z)
        z = layers.Activation(activation, name=f"b_{i}")(layers.BatchNormalization(name=f"o_{i}")(z))
        s = layers.GlobalAveragePooling2D(keepdims=True, name=f"s_{i}")(z)
        s = layers.Conv2D(24, 1, activation="sigmoid", name=f"e_{i}")(
            layers.Conv2D(6, 1, activation=activation, name=f"r_{i}")(s)
        )
        z = layers.Conv2D(8, 1, use_bias=False, name=f"p_{i}")(layers.Multiply(name=f"m_{i}")([z, s]))
        y = layers.Add(name=f"add_{i}")([y, layers.BatchNormalization(name=f"q_{i}")(z)])
    y = layers.GlobalAveragePooling2D(name="mean")(y)
    return keras.Model(x, layers.Dense(5, last, name="head")(y), name="m")


def unet(activation: str, last: str, up: str) -> Any:
    """Down, up, and a mask of pixels."""
    import keras
    from keras import layers

    x = keras.Input((16, 12, 3), name="image")
    top = layers.Conv2D(6, 3, padding="same", activation=activation, name="top")(x)
    y = layers.Conv2D(10, 3, padding="same", activation=activation, name="low")(layers.MaxPooling2D(name="down")(top))
    if up == "transpose":
        y = layers.Conv2DTranspose(6, 2, 2, name="up")(y)
    else:
        y = layers.UpSampling2D(2, interpolation=up, name="up")(y)
    y = layers.Conv2D(6, 3, padding="same", activation=activation, name="mix")(
        layers.Concatenate(name="skip")([top, y])
    )
    return keras.Model(x, layers.Conv2D(1, 1, activation=last, name="mask")(y), name="m")


def transformer(last: str, units: int, norm_first: bool, activation: str) -> Any:
    """One encoder block on token ids, the mean of it, and a head."""
    import keras
    from keras import layers

    ids = keras.Input((10,), dtype="int32", name="ids")
    x = layers.Embedding(30, 16, name="tokens")(ids)
    y = layers.LayerNormalization(name="norm_1")(x) if norm_first else x
    x = layers.Add(name="res_1")([x, layers.MultiHeadAttention(2, 8, name="attention")(y, y)])
    y = x = layers.LayerNormalization(name="norm_2")(x)
    y = layers.Dense(16, name="narrow")(layers.Dense(32, activation, name="wide")(y))
    x = layers.GlobalAveragePooling1D(name="mean")(layers.Add(name="res_2")([x, y]))
    return keras.Model(ids, layers.Dense(units, last, name="head")(x), name="m")


def text(pool: str, last: str) -> Any:
    """Embedded words, pooled or read by a recurrent layer."""
    import keras
    from keras import layers

    ids = keras.Input((12,), dtype="int32", name="ids")
    x = layers.Embedding(40, 8, name="words")(ids)
    if pool in ("LSTM", "GRU"):
        x = layers.Bidirectional(getattr(layers, pool)(6, name="cell"), name="both")(x)
    elif pool == "conv":
        x = layers.GlobalMaxPooling1D(name="max")(layers.Conv1D(8, 3, activation="relu", name="conv")(x))
    else:
        x = layers.GlobalAveragePooling1D(name="mean")(x)
    return keras.Model(ids, layers.Dense(1, last, name="head")(x), name="m")


def scaled(mean: float, last: str) -> Any:
    """Measured features, normalized, and a regression or a classifier."""
    import keras
    from keras import layers

    x = keras.Input((6,), name="x")
    deviation = [abs(mean) / 4 + 0.5 + i for i in range(6)]
    y = layers.Normalization(mean=[mean + i for i in range(6)], variance=[d * d for d in deviation], name="scale")(x)
    y = layers.Dense(16, "relu", name="a")(y)
    return keras.Model(x, layers.Dense(1, last, name="head")(layers.Dense(16, "relu", name="b")(y)), name="m")


def autoencoder(activation: str, last: str) -> Any:
    """Down to four numbers and back."""
    import keras
    from keras import layers

    x = y = keras.Input((20,), name="x")
    for i, width in enumerate((16, 4, 16)):
        y = layers.Dense(width, activation, name=f"dense_{i}")(y)
    return keras.Model(x, layers.Dense(20, last, name="out")(y), name="m")


def waves(last: str, causal: bool) -> Any:
    """Dilated convolutions of a signal with gates."""
    import keras
    from keras import layers

    x = keras.Input((24, 2), name="signal")
    y = layers.Conv1D(8, 1, name="in")(x)
    for i in range(3):
        how = {"padding": "causal" if causal else "same", "dilation_rate": 2**i}
        t = layers.Conv1D(8, 2, activation="tanh", name=f"t_{i}", **how)(y)
        s = layers.Conv1D(8, 2, activation="sigmoid", name=f"s_{i}", **how)(y)
        y = layers.Add(name=f"r_{i}")([y, layers.Conv1D(8, 1, name=f"o_{i}")(layers.Multiply(name=f"g_{i}")([t, s]))])
    return keras.Model(x, layers.Conv1D(1, 1, activation=last, name="head")(y), name="m")


def application(name: str, size: int, last: str | None) -> Any:
    """A network of keras.applications at a small size."""
    import keras

    make = getattr(keras.applications, name)
    return make(weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=last)


def _small() -> Iterator[tuple[str, Model]]:
    for activation in HEADS:
        for units, inputs in ((1, 5), (3, 5), (10, 30), (1, 64)):
            yield f"head/{activation}/{inputs}-{units}", partial(head, activation, units, inputs)
    for hidden in HIDDEN:
        for last, units in (("sigmoid", 1), ("softmax", 4), ("linear", 1)):
            for depth in (1, 2, 4):
                yield f"mlp/{hidden}x{depth}/{last}", partial(mlp, hidden, last, units, depth)
    for norm in ("BatchNormalization", "LayerNormalization", "RMSNormalization"):
        for hidden, last in (("relu", "sigmoid"), ("gelu", "linear"), ("silu", "softmax")):
            yield f"mlp/{norm}/{hidden}/{last}", partial(mlp, hidden, last, 3, 2, norm)
    for mean in (0.0, 5.0, 120.0, -1000.0):
        for last in ("linear", "sigmoid", "relu"):
            yield f"scaled/{mean:g}/{last}", partial(scaled, mean, last)
    for activation in ("relu", "tanh", "sigmoid", "selu"):
        for last in ("linear", "sigmoid"):
            yield f"autoencoder/{activation}/{last}", partial(autoencoder, activation, last)


def _sequences() -> Iterator[tuple[str, Model]]:
    for cell in ("LSTM", "GRU", "SimpleRNN"):
        for units in (1, 3, 8):
            for sequences in (False, True):
                for last in ("", "sigmoid"):
                    name = f"{cell}/{units}/{'all' if sequences else 'last'}/{last or 'bare'}"
                    yield name, partial(recurrent, cell, units, sequences, False, last)
        yield f"{cell}/both", partial(recurrent, cell, 4, False, True, "")
        yield f"{cell}/both/sigmoid", partial(recurrent, cell, 4, True, True, "sigmoid")
    for pool in ("mean", "conv", "LSTM", "GRU"):
        for last in ("sigmoid", "linear"):
            yield f"text/{pool}/{last}", partial(text, pool, last)
    for activation in ("relu", "gelu", "silu"):
        for last, units in (("softmax", 3), ("sigmoid", 1), ("linear", 2)):
            for first in (False, True):
                name = f"transformer/{activation}/{last}/{'pre' if first else 'post'}"
                yield name, partial(transformer, last, units, first, activation)
    for last in ("linear", "tanh", "sigmoid"):
        for causal in (False, True):
            yield f"waves/{last}/{'causal' if causal else 'same'}", partial(waves, last, causal)


def _images() -> Iterator[tuple[str, Model]]:
    for hidden in ("relu", "silu", "elu", "gelu", "relu6"):
        for last, units in (("sigmoid", 1), ("softmax", 5), ("linear", 2)):
            for norm in (False, True):
                for pool in ("Max", "Average"):
                    name = f"cnn/{hidden}/{last}/{'norm' if norm else 'bias'}/{pool}"
                    yield name, partial(cnn, hidden, last, units, norm, pool)
    for activation in ("relu6", "silu", "hard_silu"):
        for last in ("softmax", "sigmoid", "linear"):
            yield f"mobile/{activation}/{last}", partial(mobile, activation, last)
    for up in ("nearest", "bilinear", "transpose"):
        for activation, last in (("relu", "sigmoid"), ("elu", "sigmoid"), ("relu", "tanh"), ("silu", "linear")):
            yield f"unet/{up}/{activation}/{last}", partial(unet, activation, last, up)


def _applications() -> Iterator[tuple[str, Model]]:
    for name, size in (
        ("MobileNet", 32),
        ("MobileNetV2", 32),
        ("MobileNetV3Small", 32),
        ("EfficientNetB0", 32),
        ("ResNet50", 32),
        ("ResNet50V2", 32),
        ("NASNetMobile", 32),
        ("DenseNet121", 32),
        ("ConvNeXtTiny", 32),
        ("Xception", 71),
        ("InceptionV3", 75),
        ("VGG16", 32),
    ):
        for last in ("softmax", None):
            yield f"application/{name}/{last or 'logits'}", partial(application, name, size, last)


MODELS: dict[str, Model] = dict([*_small(), *_sequences(), *_images(), *_applications()])
"""Name -> a function that makes the Keras model."""
