"""`keras.ops.scan`, `map` and `associative_scan` while a model is traced: a stand-in for the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from keras.src import tree

from kexport.capture.tracing.keras3_recurrent import place_steps, trace_steps
from kexport.capture.tracing.recorder import Recorder
from kexport.capture.tracing.standins import Reading


def stand_for_scan(original: Any, recorder: Recorder) -> Any:
    """`scan`: what a step returns beside the state has the structure of the state, and stands where its slice stood."""

    def scan(
        f: Callable[..., Any], init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1
    ) -> Any:
        returned: list[Any] = []

        def step(slices: Sequence[Any], states: Sequence[Any]) -> tuple[Any, list[Any]]:
            carry, ys = f(_packed(init, states), None if xs is None else _packed(xs, slices))
            returned.append((carry, ys))
            outputs = [] if ys is None else tree.flatten(ys)[: len(states)]
            return outputs, list(states) if carry is None else tree.flatten(carry)

        if not recorder.is_recording() or not callable(f) or (xs is None and length is None):
            return original(f, init, xs, length, reverse, unroll)
        sequences = [tf.range(int(length))] if xs is None else [tf.convert_to_tensor(x) for x in tree.flatten(xs)]
        if xs is not None and length is not None:
            sequences = [x[: int(length)] for x in sequences]
        reading = Reading(reverse, axis=0, as_made=False)
        tracing = trace_steps(step, reading, sequences, tree.flatten(init))
        if returned[0][1] is None:
            return original(f, init, xs, length, reverse, unroll)
        _, outputs, states = place_steps(recorder, *tracing, None, reading)
        return _packed(init, states), _packed(init, outputs)

    return scan


def stand_for_map(original: Any, recorder: Recorder) -> Any:
    """`map`: a scan without a state."""

    def map_elements(f: Callable[..., Any], xs: Any) -> Any:
        def step(slices: Sequence[Any], states: Sequence[Any]) -> tuple[Any, list[Any]]:
            return f(_packed(xs, slices)), []

        if not recorder.is_recording():
            return original(f, xs)
        reading = Reading(axis=0)
        return place_steps(recorder, *trace_steps(step, reading, tree.flatten(xs), []), None, reading)[1]

    return map_elements


def stand_for_associative_scan(original: Any, recorder: Recorder) -> Any:
    """`associative_scan`, one element after the other: from four elements on Keras' own way does not trace."""

    def associative_scan(f: Callable[..., Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
        flat = [tf.convert_to_tensor(e) for e in tree.flatten(elems)]
        axis = axis % len(flat[0].shape)
        if not recorder.is_recording() or flat[0].shape[axis] in (0, 1, 2, 3):
            return original(f, elems, reverse, axis)

        def step(slices: Sequence[Any], states: Sequence[Any]) -> tuple[Any, list[Any]]:
            a, b = (_packed(elems, [tf.expand_dims(t, axis) for t in ts]) for ts in (states, slices))
            new = [tf.squeeze(t, axis) for t in tree.flatten(f(a, b))]
            return new, new

        flat = [tf.reverse(e, [axis]) for e in flat] if reverse else flat
        first = [tf.gather(e, 0, axis=axis) for e in flat]
        rest = [_after_first(e, axis) for e in flat]
        reading = Reading(axis=axis)
        outputs = place_steps(recorder, *trace_steps(step, reading, rest, first), None, reading)[1]
        joined = [tf.concat([tf.expand_dims(a, axis), b], axis) for a, b in zip(first, outputs, strict=True)]
        for result, e in zip(joined, flat, strict=True):
            result.set_shape(e.shape)
        return _packed(elems, [tf.reverse(e, [axis]) for e in joined] if reverse else joined)

    return associative_scan


def _packed(nest: Any, tensors: Sequence[Any]) -> Any:
    return tree.pack_sequence_as(nest, tensors) if tree.is_nested(nest) else tensors[0]


def _after_first(x: Any, axis: int) -> Any:
    return x[(*(slice(None),) * axis, slice(1, None))]
