"""Recurrent layers of Keras 2 while a model is traced: Keras' own cells are not traced at all."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import tensorflow as tf

from kexport.capture.tracing.keras3_recurrent import cell_loop, place_cells, zeroed
from kexport.capture.tracing.recorder import Recorder
from kexport.capture.tracing.standins import Reading


def stand_for_keras2_layer(original: Any, recorder: Recorder) -> Any:
    """`call` of a recurrent layer: a stand-in where its cell is one of Keras' own."""

    def call(layer: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        result = _outputs(recorder, layer, inputs, *args, **kwargs) if recorder.is_recording() else None
        return original(layer, inputs, *args, **kwargs) if result is None else result

    return call


def _outputs(
    recorder: Recorder,
    layer: Any,
    inputs: Any,
    mask: Any = None,
    training: Any = None,
    initial_state: Any = None,
    constants: Any = None,
) -> Any:
    """What the layer returns, or None where it is to be traced."""
    mask = mask[0] if isinstance(mask, (list, tuple)) else mask
    reading = Reading(layer.go_backwards, mask is not None, layer.zero_output_for_mask, layer.return_sequences)
    loop = cell_loop(layer.cell, reading, training, _activations())
    odd = layer.time_major or any(isinstance(t, tf.RaggedTensor) for t in tf.nest.flatten(inputs))
    if loop is None or odd or constants is not None or (mask is not None and len(mask.shape) != 2):
        return None
    inputs, initial_state, constants = layer._process_inputs(inputs, initial_state, None)
    place = partial(place_cells, recorder, layer.cell, loop, inputs, tf.nest.flatten(initial_state), mask)
    last, outputs, states = zeroed(place, reading, mask) if layer.unroll else place(reading)
    output = outputs if layer.return_sequences else last
    return [output, *states] if layer.return_state else output


def _activations() -> Any:
    """The activations of Keras 2 that are the same in Keras 3; hard_sigmoid is not."""
    from tf_keras import activations

    return SimpleNamespace(**{n: f for n, f in vars(activations).items() if n != "hard_sigmoid"})
