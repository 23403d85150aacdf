"""Non-maximum suppression, and what else vision networks of older days hold, against predict()."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from kexport.errors import UnsupportedError
from kexport.ir.op import Array
from tests.capture.agree import agree
from tests.capture.layer_of import layer_of


def batch(own: int, count: int = 14, classes: int = 3, seed: int = 0) -> list[Array]:
    """Boxes of which many overlap, some with their corners swapped and one without area; and their scores."""
    random = np.random.default_rng(seed)
    middle = random.uniform(0.1, 0.9, (2, count, own, 2))
    size = random.uniform(0.1, 0.4, (2, count, own, 2))
    boxes = np.concatenate([middle - size, middle + size], -1).astype(np.float32)
    boxes[:, 3] = boxes[:, 3, :, [2, 1, 0, 3]].transpose(1, 2, 0)
    boxes[0, 5] = boxes[0, 5, :, [0, 1, 0, 3]].transpose(1, 0)
    return [boxes, random.uniform(0, 1, (2, count, classes)).astype(np.float32)]


@pytest.mark.parametrize("own", [1, 3])
@pytest.mark.parametrize(
    ("each", "total", "least", "more"),
    [
        (4, 6, 0.3, {}),
        (20, 50, 0.2, {"clip_boxes": False}),
        (3, 30, 0.0, {"pad_per_class": True}),
        (5, 9, float("-inf"), {"pad_per_class": True, "clip_boxes": False}),
        (5, 7, 0.99, {}),
    ],
)
def test_boxes_of_all_classes(own: int, each: int, total: int, least: float, more: Any, keras: Any) -> None:
    import tensorflow as tf

    def suppressed(boxes: Any, scores: Any) -> Any:
        found = tf.image.combined_non_max_suppression(boxes, scores, each, total, 0.3, least, **more)
        return [*found[:3], tf.cast(found[3], tf.float32)]

    inputs = [keras.Input((14, own, 4)), keras.Input((14, 3))]
    agree(keras.Model(inputs, layer_of(keras, suppressed)(*inputs)), batch(own), batch(own, seed=1))


def test_any_number_of_boxes(keras: Any) -> None:
    import tensorflow as tf

    inputs = [keras.Input((None, 1, 4)), keras.Input((None, 2))]
    suppressed = layer_of(keras, lambda b, s: list(tf.image.combined_non_max_suppression(b, s, 4, 6, 0.4)[:2]))
    agree(keras.Model(inputs, suppressed(*inputs)), batch(1, 9, 2), batch(1, 20, 2, seed=1))


def test_as_many_boxes_as_there_are_is_refused(keras: Any) -> None:
    import tensorflow as tf

    x = keras.Input((14, 4))
    few = layer_of(keras, lambda b: tf.cast(tf.image.non_max_suppression(b[0], b[0, :, 0], 4), tf.float32))
    with pytest.raises(UnsupportedError, match="combined_non_max_suppression"):
        capture(keras.Model(x, few(x)))


@pytest.mark.parametrize("radius", [1, 2, 9])
def test_local_response_normalization(radius: int, keras: Any) -> None:
    import tensorflow as tf

    x = keras.Input((4, None, 6))
    y = layer_of(keras, lambda v: tf.nn.local_response_normalization(v, radius, 0.7, 0.3, 0.4))(x)
    images = np.random.default_rng(0).standard_normal((2, 4, 5, 6)).astype(np.float32)
    agree(keras.Model(x, y), [images])
