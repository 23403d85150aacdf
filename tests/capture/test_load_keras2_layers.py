"""Every public layer of Keras 2 is saved as names that a file may use, in both of its formats."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from kexport.capture.sources.config import references
from kexport.capture.sources.guard import Verdict
from kexport.capture.sources.judge2 import keras2_judge
from kexport.capture.sources.keras2_config import settled

OPTIONS: dict[str, dict[str, Any]] = {
    "Activation": {"activation": "gelu"},
    "CategoryEncoding": {"num_tokens": 4},
    "CenterCrop": {"height": 2, "width": 2},
    "Cropping1D": {},
    "Discretization": {"bin_boundaries": [0.5, 1.5]},
    "Dot": {"axes": 1},
    "EinsumDense": {"equation": "ab,bc->ac", "output_shape": 3, "kernel_regularizer": "l1_l2"},
    "Embedding": {"input_dim": 4, "output_dim": 2},
    "HashedCrossing": {"num_bins": 4},
    "Hashing": {"num_bins": 4},
    "IntegerLookup": {"vocabulary": [1, 2]},
    "Permute": {"dims": (2, 1)},
    "RandomFourierFeatures": {"output_dim": 3},
    "RepeatVector": {"n": 2},
    "Rescaling": {"scale": 2.0},
    "Reshape": {"target_shape": (2, 2)},
    "StringLookup": {"vocabulary": ["a", "b"]},
    "TextVectorization": {"vocabulary": ["a", "b"]},
}
"""What layers need that have no use for a number."""
SIZES: dict[str, Any] = {
    "filters": 2,
    "kernel_size": 3,
    "units": 2,
    "rate": 0.5,
    "stddev": 0.5,
    "num_heads": 2,
    "key_dim": 2,
    "factor": 0.1,
    "height": 2,
    "width": 2,
    "height_factor": 0.1,
    "width_factor": 0.1,
}
NEED_OTHERS = {
    "AbstractRNNCell",
    "BaseRandomLayer",
    "DenseFeatures",
    "Lambda",
    "SequenceFeatures",
    "PreprocessingLayer",
}
"""Abstract ones, and those that are tested with functions and columns of their own."""


def made(layers: Any, kind: str) -> Any:
    """A layer of this class with options that it has a use for."""
    cls = getattr(layers, kind)
    inner = {
        "Bidirectional": [layers.LSTM(2)],
        "TimeDistributed": [layers.Dense(2, activation="softmax")],
        "SpectralNormalization": [layers.Conv2D(2, 3)],
        "Wrapper": [layers.Dense(2)],
        "RNN": [layers.StackedRNNCells([layers.LSTMCell(2), layers.GRUCell(2)])],
        "StackedRNNCells": [[layers.SimpleRNNCell(2)]],
        "InputLayer": [(3,)],
    }
    if kind in inner:
        return cls(*inner[kind])
    wanted = inspect.signature(cls.__init__).parameters
    return cls(
        **OPTIONS.get(kind, {n: v for n, v in SIZES.items() if n in wanted and wanted[n].default is inspect._empty})
    )


@pytest.mark.parametrize("home", ["layers", "layers.experimental", "layers.experimental.preprocessing"])
def test_every_public_layer_is_saved_as_names_that_a_file_may_use(tf_keras: Any, home: str) -> None:
    from tensorflow.python.util import tf_export
    from tf_keras.src.saving.legacy.serialization import serialize_keras_object as legacy

    judge = keras2_judge(())
    seen = 0
    layers: Any = type("layers", (), {})
    public = {n: v for n, v in tf_export._NAME_TO_SYMBOL_MAPPING.items() if n.startswith("keras.layers.")}
    for name, value in public.items():
        setattr(layers, name.rpartition(".")[2], value)
    kinds = [n.rpartition(".")[2] for n in public if n.rpartition(".")[0] == f"keras.{home}"]
    for kind in kinds:
        cls = getattr(layers, kind)
        if not inspect.isclass(cls) or not issubclass(cls, tf_keras.layers.Layer) or kind in NEED_OTHERS:
            continue
        if kind in ("DynamicEmbedding", "DynamicLookup"):
            continue
        layer = made(layers, kind)
        for config in (tf_keras.saving.serialize_keras_object(layer), legacy(layer)):
            found = references(config)
            assert [str(r) for r in found if judge(r) is not Verdict.ALLOWED] == []
            assert settled(config, ())["class_name"] == config["class_name"]
        seen += 1
    assert seen > (2 if home.endswith("experimental") else 15)


def test_columns_of_features_are_allowed_but_for_those_that_read_files(tf_keras: Any) -> None:
    import tensorflow as tf

    column = tf.feature_column
    words = column.categorical_column_with_vocabulary_list("w", ["a", "b"])
    layer = tf_keras.layers.DenseFeatures(
        [
            column.numeric_column("n"),
            column.bucketized_column(column.numeric_column("b"), [0.0, 1.0]),
            column.embedding_column(words, 2),
            column.indicator_column(column.categorical_column_with_hash_bucket("h", 4)),
            column.indicator_column(column.crossed_column(["c", "d"], 4)),
            column.indicator_column(column.categorical_column_with_identity("i", 4)),
        ]
    )
    found = references({"class_name": "DenseFeatures", "config": layer.get_config()})
    assert [str(r) for r in found if keras2_judge(())(r) is not Verdict.ALLOWED] == []
