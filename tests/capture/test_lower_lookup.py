"""Lookup tables of integers: exact for every key there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from kexport.errors import UnsupportedError
from tests.capture.agree import agree, op_counts

LEAST = -(2**63)
MOST = 2**63 - 1
NEAR = [10, 20, -5]
FAR = [7, -(2**40), 2**50, 12345678901, 3]


def model_of(keras: Any, layer: Any, shape: tuple[int, ...], dtype: str) -> Any:
    x = keras.Input(shape, dtype=dtype, name="x")
    return keras.Model(x, layer(x))


@pytest.mark.parametrize("vocabulary", [NEAR, FAR, [LEAST, *FAR, MOST], [MOST], [LEAST], [LEAST, LEAST + 1]])
def test_every_key_is_found_and_no_other(keras: Any, vocabulary: list[int]) -> None:
    near = {k + d for k in (*NEAR, *FAR, 0, LEAST, MOST, 2**32) for d in (-1, 0, 1)}
    keys = np.array([[k] for k in sorted(near) if LEAST <= k <= MOST], np.int64)
    agree(model_of(keras, keras.layers.IntegerLookup(vocabulary=vocabulary), (1,), "int64"), [keys])


def test_keys_close_together_are_read_from_a_vector_and_others_searched_for(keras: Any) -> None:
    def found(vocabulary: list[int]) -> Any:
        return op_counts(capture(model_of(keras, keras.layers.IntegerLookup(vocabulary=vocabulary), (2,), "int64")))

    assert found(list(range(5, 500))) == {"maximum": 1, "minimum": 1, "sub": 1, "cast": 1, "gather": 1}
    assert found([10**6 * k for k in range(1000)])["gather"] == 12


def test_an_adapted_table(keras: Any) -> None:
    layer = keras.layers.IntegerLookup(num_oov_indices=2, mask_token=0)
    layer.adapt(np.array([[1, 1, 5], [5, 5, 10**6]]))
    agree(model_of(keras, layer, (4,), "int32"), [np.array([[1, 5, 10**6, 2], [0, -1, -2, 3]], np.int32)])


def test_a_table_of_a_layer_of_ones_own(keras: Any) -> None:
    import tensorflow as tf

    class Prices(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            filled = tf.lookup.KeyValueTensorInitializer([3, 900], [0.5, 2.5], tf.int64, tf.float32)
            self.table = tf.lookup.StaticHashTable(filled, -1.0)

        def call(self, x: Any) -> Any:
            return self.table.lookup(x) * 2.0

    agree(model_of(keras, Prices(), (3,), "int64"), [np.array([[3, 900, 4], [0, -3, 2**60]])])


def test_a_crossing_is_refused(keras: Any) -> None:
    x = [keras.Input((1,), dtype="int64") for _ in range(2)]
    with pytest.raises(UnsupportedError, match="cross: HashedCrossing: it hashes pairs of values") as error:
        capture(keras.Model(x, keras.layers.HashedCrossing(5, name="cross")(x)))
    assert len(error.value.items) == 1
