"""Recurrent layers while a model is traced: Keras' own cells are not traced at all, other steps once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import tensorflow as tf
from keras.src import backend
from tensorflow.python.framework.func_graph import FuncGraph

from kexport.capture.tracing.recorder import Recorder, kinds_of
from kexport.capture.tracing.standins import CellLoop, Reading, StepLoop, place_stand_in
from kexport.ops import GATE_ACTIVATIONS

CELLS = {"LSTMCell": ("lstm", 2), "GRUCell": ("gru", 1), "SimpleRNNCell": ("simple_rnn", 1)}
"""The op and the number of states of each of Keras' own cells."""


def stand_for_cells(original: Any, recorder: Recorder) -> Any:
    """`inner_loop` of a recurrent layer: a stand-in where its cell is one of Keras' own, or a stack of those."""

    def inner_loop(layer: Any, sequences: Any, initial_state: Any, mask: Any = None, training: Any = False) -> Any:
        mask = mask[0] if tf.nest.is_nested(mask) else mask
        cells, loops = describe(layer, mask, training) if recorder.is_recording() else ([], [])
        if not loops:
            return original(layer, sequences, initial_state, mask, training=training)
        states = tf.nest.flatten(initial_state)
        new_states = []
        for cell, loop in zip(cells[:-1], loops[:-1], strict=True):
            own = states[: loop.states]
            states = states[loop.states :]
            _, sequences, new = place_cells(recorder, cell, loop, sequences, own, mask, loop.reading)
            new_states += new
        place = partial(place_cells, recorder, cells[-1], loops[-1], sequences, states, mask)
        last, outputs, new = zeroed(place, loops[-1].reading, mask) if layer.unroll else place(loops[-1].reading)
        nest = initial_state if len(cells) > 1 else new
        return last, outputs, tf.nest.pack_sequence_as(nest, [*new_states, *new])

    return inner_loop


def describe(layer: Any, mask: Any, training: Any) -> tuple[list[Any], list[CellLoop]]:
    """The cells of a recurrent layer and the loops over them, one after the other; none if there is no op for one.

    Of a stack of cells, a loop over each gives what one loop over all gives, as all have the same mask.
    """
    cell = layer.cell
    stacked = "layer.StackedRNNCells" in kinds_of(cell, "layer") and len(cell.cells) > 1
    cells = list(cell.cells) if stacked else [cell]
    reading = Reading(layer.go_backwards, mask is not None, layer.zero_output_for_mask, layer.return_sequences)
    inner = replace(reading, zero_masked=False, whole=True, as_made=False)
    loops = [cell_loop(c, reading if c is cells[-1] else inner, training, keras.activations) for c in cells]
    known = [loop for loop in loops if loop is not None]
    if len(known) < len(cells) or (mask is not None and len(mask.shape) != 2):
        return [], []
    return cells, known


def cell_loop(cell: Any, reading: Reading, training: Any, activations: Any) -> CellLoop | None:
    """A loop over a cell, if it is one of Keras' own and its activations are among those of the ops."""
    kinds = [kind.removeprefix("layer.") for kind in kinds_of(cell, "layer")]
    name, states = next((CELLS[k] for k in kinds if k in CELLS), ("", 0))
    if not name or (training and (cell.dropout or cell.recurrent_dropout)):
        return None
    functions = [getattr(cell, a, None) for a in ("activation", "recurrent_activation")]
    names = [activation_name(f, activations) for f in functions]
    if "" in names:
        return None
    reset_after = bool(getattr(cell, "reset_after", False))
    return CellLoop(name, reading, states, cell.bias is not None, names[0], names[1], reset_after)


def activation_name(function: Any, activations: Any) -> str | None:
    """The name of an activation as recurrent ops have it, None for no activation; "" for one that they don't have."""
    if function is None or function is activations.linear:
        return None
    return next((n for n in GATE_ACTIVATIONS if getattr(activations, n, None) is function), "")


def place_cells(
    recorder: Recorder, cell: Any, loop: CellLoop, sequences: Any, states: Sequence[Any], mask: Any, reading: Reading
) -> tuple[Any, Any, list[Any]]:
    """A stand-in for a loop over a cell: the last output, all outputs and the last states."""
    loop = replace(loop, reading=reading)
    dtype = cell.compute_dtype
    weights = [cell.kernel, cell.recurrent_kernel, *([cell.bias] if loop.biased else [])]
    operands = [backend.convert_to_tensor(x, dtype) for x in (sequences, *states, *weights)]
    operands += [tf.cast(mask, tf.bool)] if loop.reading.masked else []
    batch, length, _ = sequences.shape
    state = tf.TensorSpec([batch, cell.units], dtype)
    whole = tf.TensorSpec([batch, length if loop.reading.whole else 1, cell.units], dtype)
    last, outputs, *new_states = place_stand_in(recorder, loop, operands, [state, whole, *[state] * loop.states])
    return last, outputs, new_states


def stand_for_steps(original: Any, recorder: Recorder) -> Any:
    """`backend.rnn`: a stand-in for the loop over any step function."""

    def rnn(
        step_function: Callable[..., Any],
        inputs: Any,
        initial_states: Any,
        go_backwards: bool = False,
        mask: Any = None,
        constants: Any = None,
        unroll: bool = False,
        input_length: Any = None,
        time_major: bool = False,
        zero_output_for_mask: bool = False,
        return_all_outputs: bool = True,
    ) -> Any:
        if not recorder.is_recording() or tf.is_tensor(input_length):
            return original(
                step_function,
                inputs,
                initial_states,
                go_backwards,
                mask,
                constants,
                unroll,
                input_length,
                time_major,
                zero_output_for_mask,
                return_all_outputs,
            )
        reading = Reading(
            go_backwards, mask is not None, zero_output_for_mask, return_all_outputs, 0 if time_major else 1
        )

        def step(slices: Sequence[Any], states: Sequence[Any]) -> tuple[Any, list[Any]]:
            old = tf.nest.pack_sequence_as(tuple(initial_states), states)
            output, new = step_function(tf.nest.pack_sequence_as(inputs, slices), (*old, *(constants or ())))
            return output, tf.nest.flatten(new)

        tracing = trace_steps(step, reading, tf.nest.flatten(inputs), tf.nest.flatten(initial_states))
        place = partial(place_steps, recorder, *tracing, mask)
        last, outputs, states = zeroed(place, reading, mask) if unroll else place(reading)
        return last, outputs, tf.nest.pack_sequence_as(initial_states, states)

    return rnn


def trace_steps(
    step: Callable[..., Any], reading: Reading, sequences: Sequence[Any], states: Sequence[Any]
) -> tuple[StepLoop, list[Any], Any]:
    """A loop whose step, `outputs, new_states = step(slices, states)`, is traced as a graph of its own.

    Also the tensors that the loop reads, and the nest of the outputs.
    """
    graph = FuncGraph("step")
    sequences, states = ([tf.convert_to_tensor(t) for t in tensors] for tensors in (sequences, states))
    with graph.as_default():
        slices = [tf.compat.v1.placeholder(s.dtype, _without(s.shape, reading.axis)) for s in sequences]
        old = [tf.compat.v1.placeholder(s.dtype, s.shape) for s in states]
        output, new = step(slices, old)
        outputs, new = ([tf.identity(tf.convert_to_tensor(t)) for t in ts] for ts in (tf.nest.flatten(output), new))
    captured = list(graph.captures)
    loop = StepLoop(graph, reading, old, slices, outputs, new, [inner for _, inner in captured])
    return loop, [*states, *sequences, *(outer for outer, _ in captured)], output


def place_steps(
    recorder: Recorder, loop: StepLoop, operands: Sequence[Any], nest: Any, mask: Any, reading: Reading
) -> tuple[Any, Any, list[Any]]:
    """The last outputs, all outputs, both in a nest, and the last states."""
    loop = replace(loop, reading=reading)
    at = len(loop.states) + len(loop.slices)
    masks = [] if mask is None else [tf.cast(mask, tf.bool)]
    axis = loop.reading.axis
    count = len(loop.outputs)
    length = operands[len(loop.states)].shape[axis] if loop.reading.whole else 1
    stacked = [tf.TensorSpec(_with(t.shape, axis, length), t.dtype) for t in loop.outputs]
    single = [tf.TensorSpec(t.shape, t.dtype) for t in loop.outputs]
    states = [tf.TensorSpec(t.shape, t.dtype) for t in loop.new_states]
    results = place_stand_in(recorder, loop, [*operands[:at], *masks, *operands[at:]], [*single, *stacked, *states])
    last, outputs = (tf.nest.pack_sequence_as(nest, results[i : i + count]) for i in (0, count))
    return last, outputs, results[2 * count :]


def zeroed(place: Callable[[Reading], Any], reading: Reading, mask: Any) -> Any:
    """An unrolled loop: where it runs backwards, Keras zeros its outputs by the mask in the order of the input."""
    if not (reading.reverse and reading.zero_masked and reading.masked and reading.whole):
        return place(reading)
    last, outputs, states = place(replace(reading, zero_masked=False))

    def zero(x: Any, mask: Any) -> Any:
        mask = tf.cast(
            tf.reshape(mask, [*tf.unstack(tf.shape(mask)), *[1] * (len(x.shape) - len(mask.shape))]), tf.bool
        )
        return tf.where(mask, x, tf.zeros_like(x))

    first = mask[:, 0] if reading.axis else mask[0]
    return (
        tf.nest.map_structure(lambda x: zero(x, first), last),
        tf.nest.map_structure(lambda x: zero(x, mask), outputs),
        states,
    )


def _without(shape: Any, axis: int) -> list[int | None]:
    sizes = shape.as_list()
    return [*sizes[:axis], *sizes[axis + 1 :]]


def _with(shape: Any, axis: int, size: int | None) -> list[int | None]:
    sizes = shape.as_list()
    return [*sizes[:axis], size, *sizes[axis:]]
