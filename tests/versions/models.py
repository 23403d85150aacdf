"""The models that are exported beside every pair: of every kind of source, and of most kinds of layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.capture.agree import randomize


class Sample(NamedTuple):
    """What is exported: a live model or a file, the options of `kexport.export`, the targets (none: all)."""

    source: Any
    options: dict[str, Any] = {}  # noqa: RUF012 -- it is never changed
    to: tuple[str, ...] = ()


Make = Callable[[Path], Sample]
TEXT = ("onnx", "savedmodel")
"""The targets that have text."""


def _fault(name: str) -> Make:
    def make(folder: Path) -> Sample:
        from tests.faults.models import build

        return Sample(build(name))

    return make


def _measured(name: str) -> Make:
    def make(folder: Path) -> Sample:
        from tests.benchmarks.models import build

        return Sample(build(name))

    return make


def _reference(name: str) -> Make:
    def make(folder: Path) -> Sample:
        from samples.references.models import build

        return Sample(build(name))

    return make


def _application(name: str, size: int = 64) -> Make:
    def make(folder: Path) -> Sample:
        import keras

        made = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)
        return Sample(randomize(made))

    return make


def masked_gru(folder: Path) -> Sample:
    """Padded token ids through two recurrent layers of the other kind."""
    import keras
    from keras import layers

    ids = keras.Input((None,), dtype="int32", name="ids")
    x = layers.Embedding(50, 8, mask_zero=True)(ids)
    x = layers.GRU(8, return_sequences=True)(x)
    return Sample(randomize(keras.Model(ids, layers.GRU(6, reset_after=False)(x), name="masked_gru")))


def masked_attention(folder: Path) -> Sample:
    """An attention whose mask comes with the tensor, and a mean over what is not masked."""
    import keras
    from keras import layers

    ids = keras.Input((12,), dtype="int32", name="ids")
    x = layers.Embedding(50, 8, mask_zero=True)(ids)
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)]))
    return Sample(randomize(keras.Model(ids, layers.GlobalAveragePooling1D()(x), name="masked_attention")))


def preprocessing(folder: Path) -> Sample:
    """Images that are resized, cropped, scaled and normalized; numbers in bins; categories."""
    import keras
    from keras import layers

    image = keras.Input((20, 24, 3), name="image")
    y = layers.Rescaling(1 / 127.5, -1)(layers.CenterCrop(16, 16)(layers.Resizing(18, 18)(image)))
    y = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 0.6, 0.7])(layers.RandomFlip()(y))
    y = layers.Flatten()(layers.Conv2D(4, 3)(y))
    age = keras.Input((1,), name="age")
    kind = keras.Input((1,), dtype="int32", name="kind")
    parts = [
        layers.Dense(3)(y),
        layers.Flatten()(layers.Embedding(3, 2)(layers.Discretization([0.0, 1.0])(age))),
        layers.CategoryEncoding(6, output_mode="multi_hot")(kind),
    ]
    return Sample(randomize(keras.Model([image, age, kind], layers.Concatenate()(parts), name="preprocessing")))


def text(folder: Path) -> Sample:
    """Words become numbers: two layers of text."""
    import keras
    from keras import layers

    words = keras.Input((1,), dtype="string", name="words")
    line = keras.Input((1,), dtype="string", name="line")
    found = layers.Embedding(8, 4)(layers.StringLookup(vocabulary=["ash", "elm", "oak"])(words))
    tokens = layers.TextVectorization(output_sequence_length=5, vocabulary=["a", "tall", "tree"])(line)
    both = layers.Concatenate(axis=1)([found, layers.Embedding(8, 4)(tokens)])
    return Sample(keras.Model([words, line], both, name="text"), to=TEXT)


def subclassed(folder: Path) -> Sample:
    """A model in plain Python, with a layer of one's own."""
    import keras

    class Gate(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

        def call(self, x: Any) -> Any:
            return keras.ops.sigmoid(x * self.scale) * x

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.wide = keras.layers.Dense(8)
            self.gate = Gate()
            self.narrow = keras.layers.Dense(3)

        def call(self, x: Any) -> Any:
            return {"scores": self.narrow(self.gate(self.wide(x)))}

    model = Own()
    batch = np.ones((2, 5), np.float32)
    model(batch)
    return Sample(randomize(model), {"example": batch})


def saved(suffix: str) -> Make:
    """A model as a file of this version of Keras."""

    def make(folder: Path) -> Sample:
        from tests.faults.models import build

        path = folder / f"cnn{suffix}"
        build("cnn").save(path)
        return Sample(path)

    return make


def keras2_file(folder: Path) -> Sample:
    """A .h5 file that Keras 2 wrote."""
    import tf_keras
    from tf_keras import layers

    x = tf_keras.Input((8, 8, 3), name="image")
    y = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(x))
    y = layers.LSTM(5, return_sequences=True)(layers.Reshape((-1, 4))(y))
    model = tf_keras.Model(x, layers.Dense(3, activation="softmax")(layers.GRU(4)(y)), name="keras2")
    model.save(folder / "keras2.h5")
    return Sample(folder / "keras2.h5")


def savedmodel(folder: Path) -> Sample:
    """A SavedModel that Keras exported."""
    from tests.faults.models import build

    build("cnn").export(str(folder / "saved"))
    return Sample(folder / "saved")


def loops(folder: Path) -> Sample:
    """A loop and a branch that Keras' functions make."""
    import keras
    from keras import ops

    class Loop(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            def step(i: Any, y: Any) -> Any:
                return i + 1, y * 0.5 + x

            functions: Any = ops
            _, y = functions.while_loop(lambda i, y: i < 4, step, (ops.convert_to_tensor(0), x))
            return functions.cond(functions.sum(y) > 0, lambda: y + 1.0, lambda: y - 1.0)

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((5,), name="x")
    return Sample(randomize(keras.Model(x, keras.layers.Dense(3)(Loop()(x)), name="loops")))


def own_cell(folder: Path) -> Sample:
    """A recurrent cell of one's own, and a layer over time."""
    import keras
    from keras import layers, ops

    class Cell(layers.Layer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.state_size = self.output_size = 4
            self.mix = layers.Dense(4)

        def call(self, x: Any, states: Any) -> Any:
            new = ops.tanh(self.mix(ops.concatenate([x, states[0]], axis=-1)))
            return new, [new]

    x = keras.Input((6, 3), name="steps")
    y = layers.TimeDistributed(layers.Dense(3, activation="relu"))(x)
    return Sample(randomize(keras.Model(x, layers.RNN(Cell(), return_sequences=True)(y), name="own_cell")))


def mixed(policy: str) -> Make:
    """A net that computes in half precision."""

    def make(folder: Path) -> Sample:
        import keras
        from keras import layers

        x = keras.Input((10, 8), name="rows")
        y = layers.LayerNormalization(dtype=policy)(layers.Dense(8, activation="gelu", dtype=policy)(x))
        y = layers.Conv1D(6, 3, padding="same", dtype=policy)(y)
        return Sample(randomize(keras.Model(x, layers.Dense(4, dtype="float32")(y), name=policy)))

    return make


def quantized(folder: Path) -> Sample:
    """Dense layers whose weights Keras quantized."""
    import keras
    from keras import layers

    x = keras.Input((16,), name="x")
    model = randomize(keras.Model(x, layers.Dense(4)(layers.Dense(32, activation="relu")(x)), name="quantized"))
    model.quantize("int8")
    return Sample(model)


SMALL: dict[str, Make] = {
    "cnn": _fault("cnn"),
    "encoder": _fault("encoder"),
    "masked lstm": _reference("lstm"),
    "masked gru": masked_gru,
    "masked attention": masked_attention,
    "preprocessing": preprocessing,
    "text": text,
    "subclassed": subclassed,
    "a .keras file": saved(".keras"),
    "a .h5 file": saved(".h5"),
    "a .h5 file of Keras 2": keras2_file,
}
"""What CI tries beside the oldest pair."""

_MEASURED = (
    "dilated conv",
    "dilated depthwise",
    "transposed conv",
    "nearest upsampling",
    "3-D dense",
    "causal conv1d",
    "lstm",
    "gru",
    "stacked bidirectional lstm",
    "conv lstm",
)
_APPLICATIONS = ("MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "EfficientNetV2B0", "DenseNet121", "ConvNeXtTiny")

ALL: dict[str, Make] = {
    **SMALL,
    **{name: _fault(name) for name in ("mlp", "unet", "whole", "series", "turns", "recurrent")},
    **{f"{name} of the references": _reference(name) for name in ("cnn", "encoder", "mobilenet")},
    **{name: _measured(name) for name in _MEASURED},
    **{name: _application(name) for name in _APPLICATIONS},
    "a SavedModel": savedmodel,
    "loops": loops,
    "own cell": own_cell,
    "mixed_float16": mixed("mixed_float16"),
    "mixed_bfloat16": mixed("mixed_bfloat16"),
    "quantized": quantized,
}
"""What `python -m tests.versions` tries."""
