"""Calls for which a stand-in is placed while tracing give the graph that their ops give."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import lower_trace
from kexport.capture.load import load
from kexport.capture.symbols import Symbols
from kexport.capture.tracing.run import trace_model
from kexport.capture.tracing.standins import STAND_IN
from kexport.errors import CaptureError
from kexport.ir.text import to_text
from tests.capture.agree import agree, normal, op_counts, randomize

IMAGE = (9, 8, 4)
LINE = (9, 4)
BATCH_NORMS: dict[str, tuple[tuple[int | None, ...], dict[str, Any]]] = {
    "plain": (IMAGE, {}),
    "axis": (IMAGE, {"axis": 1}),
    "negative axis": (IMAGE, {"axis": -2}),
    "neither": (IMAGE, {"scale": False, "center": False}),
    "half": (IMAGE, {"dtype": "mixed_float16"}),
    "bfloat": (LINE, {"dtype": "mixed_bfloat16", "center": False}),
    "double": (LINE, {"dtype": "float64"}),
    "frozen": (LINE, {"trainable": False}),
    "open": ((None, None, 4), {"epsilon": 1e-2}),
}
CONVS: dict[str, tuple[str, tuple[int | None, ...], dict[str, Any]]] = {
    "line": ("Conv1D", LINE, {"padding": "causal"}),
    "strides": ("Conv2D", IMAGE, {"strides": (2, 3), "padding": "same"}),
    "groups": ("Conv2D", IMAGE, {"groups": 2}),
    "dilation": ("Conv2D", IMAGE, {"dilation_rate": (2, 1), "activation": "relu"}),
    "half": ("Conv2D", IMAGE, {"dtype": "mixed_float16"}),
    "open": ("Conv2D", (None, None, 4), {"strides": 2}),
    "volume": ("Conv3D", (5, 6, 7, 2), {"strides": 2}),
}
DEPTHWISE: dict[str, tuple[str, tuple[int | None, ...], dict[str, Any]]] = {
    "line": ("DepthwiseConv1D", LINE, {"strides": 2}),
    "image": ("DepthwiseConv2D", IMAGE, {"padding": "same", "strides": 2, "depth_multiplier": 3}),
    "open": ("DepthwiseConv2D", (None, 8, 4), {"use_bias": False}),
    "half": ("DepthwiseConv2D", IMAGE, {"dtype": "mixed_float16"}),
}


def stand_ins(model: Any) -> int:
    """How many there are, once it is sure that with and without them the graph is the same."""
    source = load(model)
    found = []
    for needs_ops in (False, True):
        trace = trace_model(source, needs_ops)
        graph = lower_trace(trace, Symbols(source.inputs))
        found.append((to_text(graph), [op.type for op in trace.graph.get_operations()].count(STAND_IN)))
    assert found[0][0] == found[1][0]
    assert found[1][1] == 0
    return found[0][1]


def one_layer(keras: Any, shape: Any, layer: Any, **call: Any) -> Any:
    x = keras.Input(shape, dtype=layer.compute_dtype)
    return randomize(keras.Model(x, layer(x, **call)))


@pytest.mark.parametrize("name", BATCH_NORMS)
def test_batch_normalization_is_one_op(name: str, keras: Any) -> None:
    shape, options = BATCH_NORMS[name]
    assert stand_ins(one_layer(keras, shape, keras.layers.BatchNormalization(**options))) == 1


@pytest.mark.parametrize("name", CONVS)
def test_convolutions_and_their_bias_are_one_op_each(name: str, keras: Any) -> None:
    kind, shape, options = CONVS[name]
    assert stand_ins(one_layer(keras, shape, getattr(keras.layers, kind)(6, 3, **options))) == 2


@pytest.mark.parametrize("name", DEPTHWISE)
def test_depthwise_convolutions_and_their_bias_are_one_op_each(name: str, keras: Any) -> None:
    kind, shape, options = DEPTHWISE[name]
    assert stand_ins(one_layer(keras, shape, getattr(keras.layers, kind)(3, **options))) == 1 + options.get(
        "use_bias", True
    )


def test_what_is_odd_is_made_of_ops(keras: Any) -> None:
    layers = keras.layers
    cases = [
        one_layer(keras, IMAGE, layers.DepthwiseConv2D(3, dilation_rate=2, use_bias=False)),
        one_layer(keras, (4, 9, 8), layers.Conv2D(6, 3, data_format="channels_first", use_bias=False)),
        one_layer(keras, IMAGE, layers.Conv2D(6, 3, use_bias=False)),
    ]
    cases[2].layers[1].enable_lora(2)
    assert [stand_ins(model) for model in cases] == [0, 0, 0]


def test_statistics_of_the_batch_are_made_of_ops(keras: Any) -> None:
    x = keras.Input((4,), batch_size=2)
    norm = keras.layers.BatchNormalization()
    source = load(keras.Model(x, keras.layers.Lambda(lambda t: norm(t, training=True))(x)))
    assert STAND_IN not in {op.type for op in trace_model(source).graph.get_operations()}


def test_layers_between_others_agree_with_keras(keras: Any) -> None:
    x = keras.Input((None, 4))
    y = keras.layers.Masking()(x)
    y = keras.layers.BatchNormalization()(y)
    y = keras.layers.LSTM(3)(y)
    model = randomize(keras.Model(x, y))
    data = normal(2, 5, 4)
    data[0, 3:] = 0
    agree(model, [data])
    found = trace_model(load(model)).graph.get_operations()
    assert [op.type for op in found].count(STAND_IN) == 2


def gradient_layer(keras: Any, slope: Any) -> Any:
    class Slope(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = keras.layers.BatchNormalization()

        def call(self, x: Any) -> Any:
            return slope(self.inner, x)

    return Slope()


def by_gradients(inner: Any, x: Any) -> Any:
    import tensorflow as tf

    y = inner(x)
    with suppress(Exception):
        return tf.gradients(y, x, unconnected_gradients="zero")[0]
    return y


def by_tape(inner: Any, x: Any) -> Any:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = inner(x)
    return tape.gradient(y, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def by_map(inner: Any, x: Any) -> Any:
    import tensorflow as tf

    return tf.vectorized_map(lambda row: inner(row[None])[0], x, fallback_to_while_loop=False)


@pytest.mark.parametrize("how", [by_gradients, by_tape, by_map])
def test_who_asks_for_the_ops_gets_them(how: Any, keras: Any) -> None:
    x = keras.Input((4,), batch_size=2)
    layer = gradient_layer(keras, how)
    layer.inner.build((2, 4))
    model = keras.Model(x, keras.layers.Lambda(lambda t: layer(t), output_shape=(4,))(x))
    randomize(layer.inner)
    agree(model, [normal(2, 4)])
    assert STAND_IN not in {op.type for op in trace_model(load(model)).graph.get_operations()}


def test_a_failure_is_told_as_without_stand_ins(keras: Any) -> None:
    class Failing(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    x = keras.Input(LINE)
    y = keras.layers.BatchNormalization(name="norm")(x)
    model = keras.Model(x, Failing(name="bad")(y))

    def fail(y: Any) -> Any:
        raise RuntimeError(f"cannot be: {y.op.type}")

    model.get_layer("bad").call = fail
    with pytest.raises(CaptureError, match=r"bad: .*RuntimeError") as caught:
        trace_model(load(model))
    assert caught.value.where == "bad"
    assert "cannot be: AddV2" in str(caught.value.__cause__)


def test_a_stand_in_is_tagged_with_its_layer(keras: Any) -> None:
    model = one_layer(keras, LINE, keras.layers.BatchNormalization(name="norm"))
    found = trace_model(load(model))
    (op,) = (op for op in found.graph.get_operations() if op.type == STAND_IN)
    assert found.frame_of(op).path == "norm"
    assert op.outputs[0].shape.as_list() == [None, 9, 4]
    assert np.dtype(op.outputs[0].dtype.as_numpy_dtype) == np.float32


LAYERS: dict[str, tuple[str, tuple[int | None, ...], dict[str, Any], int]] = {
    "dense": ("Dense", (4,), {"units": 3}, 2),
    "dense on lines": ("Dense", (None, 4), {"units": 3, "activation": "gelu"}, 3),
    "dense in half": ("Dense", LINE, {"units": 3, "dtype": "mixed_float16"}, 2),
    "layer norm": ("LayerNormalization", LINE, {}, 1),
    "layer norm over two": ("LayerNormalization", LINE, {"axis": [1, 2], "center": False}, 1),
    "layer norm in half": ("LayerNormalization", IMAGE, {"axis": 2, "scale": False, "dtype": "mixed_float16"}, 1),
    "silu": ("Activation", LINE, {"activation": "silu"}, 1),
    "hard silu": ("Activation", LINE, {"activation": "hard_silu", "dtype": "mixed_bfloat16"}, 1),
    "hard sigmoid": ("Activation", (None,), {"activation": "hard_sigmoid"}, 1),
    "einsum": (
        "EinsumDense",
        LINE,
        {"equation": "abc,cd->abd", "output_shape": (None, 3), "bias_axes": "d", "name": "sum"},
        1,
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_other_layers_are_few_ops(name: str, keras: Any) -> None:
    kind, shape, options, count = LAYERS[name]
    assert stand_ins(one_layer(keras, shape, getattr(keras.layers, kind)(**options))) == count


def test_layers_whose_call_is_made_by_a_subclass(keras: Any) -> None:
    class Twice(keras.layers.LayerNormalization):
        def call(self, x: Any) -> Any:
            return super().call(super().call(x)) * 2

    model = one_layer(keras, LINE, Twice())
    assert op_counts(agree(model, [normal(2, 9, 4)]))["layer_norm"] == 2


def test_the_bias_of_channels_first_stays_what_it_is(keras: Any) -> None:
    model = one_layer(keras, (4, 9, 8), keras.layers.Conv2D(6, 3, data_format="channels_first"))
    assert stand_ins(model) == 1
