"""Layers that are computed another way while tracing give the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.capture.load import load
from kexport.capture.tracing.standins import STAND_IN
from kexport.capture.tracing.start import trace
from kexport.capture.tracing.trace import Source

Shape = tuple[int | None, ...]


def run_traced(source: Source, *arrays: Any) -> Any:
    """What the model computes under the patches."""
    import tensorflow as tf
    from tensorflow.python.framework.func_graph import FuncGraph

    from kexport.capture.tracing.patches import patched
    from kexport.capture.tracing.recorder import Recorder
    from kexport.capture.tracing.run import patches_for

    specs = [tf.TensorSpec(s.shape, s.dtype) for s in source.inputs]
    with patched(Recorder(FuncGraph("test"), source.model, needs_ops=True), patches_for(source.kind)):
        function = tf.function(lambda *t: source.call(t), input_signature=specs, autograph=False)
        return function(*arrays).numpy()


@pytest.mark.parametrize("shape", [(4, 6, 3), (None, 6, 3), (None, None, 3)])
@pytest.mark.parametrize("batch", [None, 2])
def test_time_is_folded_into_the_batch(shape: Shape, batch: int | None, keras: Any) -> None:
    x = keras.Input(shape, batch_size=batch)
    inner = keras.Sequential([keras.Input(shape[1:]), keras.layers.Conv1D(5, 3, name="conv")], name="inner")
    source = load(keras.Model(x, keras.layers.TimeDistributed(inner, name="time")(x)))
    found = trace(source)
    stand_ins = [op for op in found.graph.get_operations() if op.type == STAND_IN]
    assert [found.frame_of(op).path for op in stand_ins] == ["time/inner/conv"] * 2, "a convolution, and its bias"
    assert found.outputs[0].tensor.shape.as_list()[:2] == [batch, shape[0]]
    data = np.random.default_rng(1).normal(size=(2, 4, 6, 3)).astype("float32")
    np.testing.assert_allclose(run_traced(source, data), source.run([data])[0], rtol=1e-5, atol=1e-6)


def test_a_mask_over_time_is_folded_too(keras: Any) -> None:
    x = keras.Input((3, 4, 2))
    mask = keras.Input((3, 4), dtype="bool")
    pool = keras.layers.TimeDistributed(keras.layers.GlobalAveragePooling1D())
    source = load(keras.Model([x, mask], pool(x, mask=mask)))
    rng = np.random.default_rng(2)
    data = rng.normal(size=(2, 3, 4, 2)).astype("float32")
    keep = rng.random((2, 3, 4)) < 0.7
    keep[:, :, 0] = True
    np.testing.assert_allclose(run_traced(source, data, keep), source.run([data, keep])[0], rtol=1e-5, atol=1e-6)


def test_a_stateful_inner_layer_is_left_alone(keras: Any) -> None:
    class Stateful(keras.layers.Layer):
        stateful = True

        def call(self, x: Any) -> Any:
            return x * 2

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((3, 2), batch_size=1)
    found = trace(load(keras.Model(x, keras.layers.TimeDistributed(Stateful())(x))))
    assert [op.type for op in found.graph.get_operations()].count("Mul") == 3


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
def test_images_of_any_size_are_upsampled(interpolation: str, keras: Any) -> None:
    x = keras.Input((None, None, 2))
    source = load(keras.Model(x, keras.layers.UpSampling2D((2, 3), interpolation=interpolation)(x)))
    data = np.random.default_rng(3).normal(size=(1, 4, 5, 2)).astype("float32")
    static = keras.layers.UpSampling2D((2, 3), interpolation=interpolation)(data)
    np.testing.assert_allclose(run_traced(source, data), static, rtol=1e-5, atol=1e-6)
