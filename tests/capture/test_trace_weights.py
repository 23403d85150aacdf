"""Weights are read without a copy; what is no weight is refused; whole models are traced."""

from __future__ import annotations

import shutil
import tracemalloc
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from kexport.capture.capturing import lower_trace
from kexport.capture.fingerprint import fingerprint
from kexport.capture.load import load
from kexport.capture.symbols import Symbols
from kexport.capture.tracing.run import trace_model
from kexport.capture.tracing.start import trace
from kexport.capture.tracing.trace import Trace
from kexport.capture.weights import check_weights, weights_of
from kexport.errors import CaptureError


def big(keras: Any) -> Any:
    """A model of 8 MB."""
    x = keras.Input((1000,), name="x")
    return keras.Model(x, keras.layers.Dense(2000, name="wide")(x))


def constants(found: Trace) -> list[np.ndarray[Any, Any]]:
    return [found.constant_of(inner) for _, inner in found.graph.captures]


def test_weights_share_the_variables_memory(keras: Any) -> None:
    import tensorflow as tf

    model = big(keras)
    found = trace_model(load(model), needs_ops=True)
    tracemalloc.start()
    kernel, bias = constants(found)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    variable = model.get_layer("wide").kernel.value
    assert np.shares_memory(kernel, tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=tf.float32)._numpy())
    np.testing.assert_array_equal(kernel, variable.numpy())
    assert (kernel.shape, bias.shape) == ((1000, 2000), (2000,))
    with pytest.raises(ValueError, match="read-only"):
        kernel[0, 0] = 1


def test_a_variable_is_read_once(keras: Any) -> None:
    found = trace_model(load(big(keras)), needs_ops=True)
    (outer, inner), _ = found.graph.captures
    assert found.constant_of(inner) is found.constant_of(outer)
    assert found.is_captured(inner)
    assert not found.is_captured(found.outputs[0].tensor)


def test_a_reading_outlives_an_assignment(keras: Any) -> None:
    model = big(keras)
    found = trace_model(load(model), needs_ops=True)
    bias = constants(found)[1]
    model.get_layer("wide").bias.assign(np.ones(2000))
    assert not bias.any()


def test_captures_of_captures_are_followed(keras: Any) -> None:
    import tensorflow as tf

    weight = keras.Variable(np.arange(3, dtype="float32"), name="w")
    eager = tf.constant([5.0, 6.0, 7.0])

    class Nested(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return tf.cond(tf.reduce_sum(x) > 0, lambda: x + weight.value, lambda: x + eager)

    x = keras.Input((3,))
    found = trace(load(keras.Model(x, Nested(name="nested")(x))))
    (branch,) = [op for op in found.graph.get_operations() if op.type in ("If", "StatelessIf")]
    values = []
    for name in ("then_branch", "else_branch"):
        inner = found.function_graph(branch.get_attr(name).name)
        values += [found.constant_of(t) for t in inner.inputs if found.is_captured(t)]
    assert {tuple(v) for v in values} == {(0, 1, 2), (5, 6, 7)}


def test_a_table_and_a_computed_value_are_no_constants(keras: Any) -> None:
    import tensorflow as tf

    text = keras.Input((1,), dtype="string")
    lookup = keras.layers.StringLookup(vocabulary=["a", "b"], name="lookup")
    found = trace(load(keras.Model(text, lookup(text))))
    (table,) = [inner for outer, inner in found.graph.captures if outer.dtype == tf.resource]
    with pytest.raises(CaptureError, match="not a variable") as error:
        found.constant_of(table)
    assert error.value.where == "lookup"
    with pytest.raises(CaptureError, match="kept from another graph"):
        found.constant_of(found.outputs[0].tensor)


def test_an_absent_function_is_an_error(keras: Any) -> None:
    with pytest.raises(CaptureError, match="calls a function 'absent'"):
        trace(load(big(keras))).function_graph("absent")


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_float16", "float64"])
def test_weights_keep_their_dtype(policy: str, keras: Any) -> None:
    x = keras.Input((3,))
    layer = keras.layers.Dense(2, dtype=policy)
    found = trace_model(load(keras.Model(x, layer(x))), needs_ops=True)
    dtypes = {"bfloat16": ml_dtypes.bfloat16, "mixed_float16": np.float32, "float64": np.float64}
    assert {c.dtype for c in constants(found)} == {np.dtype(dtypes[policy])}


# --- finite weights


@pytest.mark.parametrize("policy", ["float32", "bfloat16"])
def test_weights_that_are_not_finite_are_named(policy: str, keras: Any) -> None:
    x = keras.Input((3,))
    block = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="a", dtype=policy)], name="block")
    model = keras.Model(x, keras.layers.Dense(2, name="b")(block(x)))
    check_weights(model)
    model.get_layer("block").layers[0].bias.assign([np.nan, -np.inf])
    model.get_layer("b").kernel.assign([[np.inf, 0], [0, np.inf]])
    with pytest.raises(CaptureError) as error:
        check_weights(model)
    assert error.value.what.splitlines()[1:] == ["  block/a/bias: 1 NaN and 1 Inf of 2", "  b/kernel: 2 Inf of 4"]
    assert "earlier checkpoint" in str(error.value.hint)


def test_weights_of_keras_2(tf_keras: Any) -> None:
    model = tf_keras.Sequential([tf_keras.Input((3,)), tf_keras.layers.Dense(2, name="d")])
    assert [(path, w.shape) for path, w in weights_of(model)] == [("d/kernel:0", (3, 2)), ("d/bias:0", (2,))]


# --- fingerprints


def test_a_fingerprint_is_that_of_config_and_weights(keras: Any, tmp_path: Any) -> None:
    model = big(keras)
    model.save(tmp_path / "big.keras")
    first = fingerprint(load(model))
    assert len(first) == 64
    assert fingerprint(load(tmp_path / "big.keras")) == first
    model.compile("sgd", "mse")
    assert fingerprint(load(model)) == first
    model.get_layer("wide").bias.assign(np.ones(2000))
    assert fingerprint(load(model)) != first
    x = keras.Input((1000,), name="x")
    other = keras.Model(x, keras.layers.Dense(2000, "relu", name="wide")(x), name=model.name)
    other.set_weights(keras.models.load_model(tmp_path / "big.keras").get_weights())
    assert fingerprint(load(other)) != first


def test_a_fingerprint_of_a_saved_model(keras: Any, tmp_path: Any) -> None:
    model = big(keras)
    model.export(tmp_path / "saved", verbose=False)
    first = fingerprint(load(tmp_path / "saved"))
    shutil.copytree(tmp_path / "saved", tmp_path / "copy")
    assert fingerprint(load(tmp_path / "copy")) == first
    (tmp_path / "copy" / "assets" / "labels.txt").write_text("a")
    assert fingerprint(load(tmp_path / "copy")) != first


# --- a whole model


def test_every_layer_of_a_whole_model_has_a_frame(keras: Any) -> None:
    model = keras.applications.MobileNetV2((96, 96, 3), weights=None, alpha=0.35, classes=10)
    found = trace(load(model))
    paths = {f.path for tags in found.tags.values() for f in tags.values() for f in f.chain() if f.layer is not None}
    assert {layer.name for layer in model.layers if type(layer).__name__ != "InputLayer"} <= paths
    graph = lower_trace(found, Symbols(found.source.inputs))
    assert {c.name for c in graph.constants if c.name} == {w.path for w in model.weights}
    assert len(constants(trace_model(found.source, needs_ops=True))) == len(model.weights)
