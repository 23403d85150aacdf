"""TextVectorization while a model is traced: on dense tensors, where Keras makes ragged ones."""

from __future__ import annotations

from functools import partial
from typing import Any

import tensorflow as tf

from kexport.capture.lowering.text import split
from kexport.capture.tracing.recorder import Recorder
from kexport.capture.tracing.standins import Whole, place_stand_in

UNITS = {"whitespace": "word", "character": "character"}
"""What a text is split into, by the name that Keras has for it."""


def vectorize_densely(original: Any, recorder: Recorder) -> Any:
    """`call` of TextVectorization: parts are padded with empty text, which is never a part and has the index 0."""

    def call(layer: Any, inputs: Any) -> Any:
        unit = UNITS.get(layer._split) if isinstance(layer._split, str) else None
        length = layer._output_sequence_length
        sizes = layer._ngrams
        counts = layer._output_mode != "int"
        cannot = layer._ragged or layer._lookup_layer.sparse or (sizes and not counts and length is None)
        if not recorder.is_recording() or not tf.is_tensor(inputs) or unit is None or cannot:
            return original(layer, inputs)
        text = standardized(layer, inputs)
        if len(text.shape) > 1:
            text = tf.squeeze(text, axis=-1)
        parts = parts_of(recorder, text, unit, None if sizes or counts else length)
        if sizes:
            parts = tf.concat([grams(parts, size) for size in sizes], axis=-1)
        found = layer._lookup_layer.call(parts)
        return packed(found, parts, length) if sizes and not counts else found

    return call


def standardized(layer: Any, inputs: Any) -> Any:
    """The text as the layer has it before it is split."""
    kept = layer._split, layer._ngrams
    layer._split = layer._ngrams = None
    try:
        return layer._preprocess(inputs)
    finally:
        layer._split, layer._ngrams = kept


def parts_of(recorder: Recorder, text: Any, unit: str, length: int | None) -> Any:
    """The parts of each text on a new last axis; all of them where no length is given."""
    spec = tf.TensorSpec([*text.shape, length], tf.string)
    lower = partial(split, text=text, unit=unit, length=length)
    return place_stand_in(recorder, Whole(lower), [text], [spec])[0]


def grams(parts: Any, size: int) -> Any:
    """So many neighbours joined with spaces, empty where one of them is missing."""
    if size == 1:
        return parts
    rest: Any = parts
    joined = [parts]
    for _ in range(size - 1):
        rest = tf.concat([rest[..., 1:], tf.fill(tf.concat([tf.shape(parts)[:-1], [1]], 0), "")], axis=-1)
        joined.append(rest)
    return tf.where(tf.equal(rest, ""), "", tf.strings.join(joined, separator=" "))


def packed(found: Any, parts: Any, length: Any) -> Any:
    """The indices of parts that are not empty moved to the front, cut and padded with 0."""
    valid: Any = tf.not_equal(parts, "")
    place: Any = tf.where(valid, tf.cumsum(tf.cast(valid, tf.int32), axis=-1) - 1, length)
    here = tf.equal(place[..., tf.newaxis], tf.range(length))
    return tf.reduce_sum(tf.where(here, found[..., tf.newaxis], tf.zeros([], found.dtype)), axis=-2)
