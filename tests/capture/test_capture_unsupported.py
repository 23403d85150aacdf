"""What cannot be captured is reported all at once, by layer path, in the user's words."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from kexport import ops
from kexport.capture import lowering
from kexport.capture.capturing import capture
from kexport.errors import CaptureError, UnsupportedError
from tests.capture.agree import agree, normal, op_counts
from tests.capture.layer_of import layer_of


def test_all_are_reported_at_once(keras: Any) -> None:
    import tensorflow as tf

    x = keras.Input((4, 4), name="x")
    solved = layer_of(keras, lambda t: tf.linalg.qr(t)[0], "solve")(x)
    turned = layer_of(keras, lambda t: tf.linalg.eigh(t)[1], "turn")(solved)
    python = layer_of(
        keras, lambda t: tf.ensure_shape(tf.numpy_function(lambda a: a, [t], tf.float32), t.shape), "python"
    )
    unused = layer_of(keras, lambda t: (tf.linalg.qr(t)[0], t)[1], "unused")
    model = keras.Model(x, keras.layers.Dense(3)(unused(python(turned))))
    with pytest.raises(UnsupportedError) as e:
        capture(model)
    assert {(i.where, i.op) for i in e.value.items} == {
        ("solve", "Qr"),
        ("turn", "SelfAdjointEigV2"),
        ("python", "PyFunc"),
    }
    text = str(e.value)
    assert "3 operations are not supported:" in text
    assert "python: PyFunc: a Python function runs inside the model; write it with keras.ops" in text


def test_sizes_that_depend_on_data(keras: Any) -> None:
    import tensorflow as tf

    x = keras.Input((6,))
    cut = layer_of(keras, lambda t: tf.reduce_sum(t[:, : tf.argmax(t[0])], axis=1), "cut")
    found = layer_of(keras, lambda t: tf.cast(tf.shape(tf.where(t > 0))[0], tf.float32) + t, "found")
    with pytest.raises(UnsupportedError) as e:
        capture(keras.Model(x, [cut(x), found(x)]))
    reasons = {i.where: i.reason for i in e.value.items}
    assert reasons["cut"] == "the shape depends on the values of a tensor"
    assert reasons["found"].startswith("the size of its result depends on the values of a tensor; keep it fixed")


def test_what_follows_from_an_unsupported_op_is_not_reported(keras: Any) -> None:
    import tensorflow as tf

    def boxes(t: Any) -> Any:
        rows = tf.boolean_mask(t, t[:, 0] > 0)
        return tf.reshape(tf.concat([rows, rows], 1), [-1, 3]) + 1.0

    x = keras.Input((6,))
    model = keras.Model(x, layer_of(keras, boxes, "boxes")(x))
    with pytest.raises(UnsupportedError) as e:
        capture(model)
    assert {i.op for i in e.value.items} == {"Where"}


def test_constants_are_computed_by_tensorflow(keras: Any) -> None:
    """An op without a lowering is no obstacle where its operands are weights or constants."""
    import tensorflow as tf

    class Inverse(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.w = self.add_weight(shape=(4, 4), initializer="orthogonal", name="w")

        def call(self, x: Any) -> Any:
            return x @ tf.linalg.inv(self.w)

    x = keras.Input((4,))
    captured = agree(keras.Model(x, Inverse()(x)), [normal(2, 4)])
    assert [n.op.name for n in captured.graph.nodes] == ["mat_mul"]


def test_random_numbers_of_a_fixed_seed_are_constants(keras: Any) -> None:
    x = keras.Input((4,))
    fixed = layer_of(keras, lambda t: t + keras.random.normal((4,), seed=7), "fixed")
    captured = agree(keras.Model(x, fixed(x)), [normal(2, 4)])
    assert op_counts(captured) == {"add": 1}


def test_what_no_op_can_say_is_reported_too(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    x = keras.Input((6, 6, None))
    mixed = layer_of(keras, lambda t: tf.nn.conv2d(t, tf.ones([1, 1, 4, 2]), 1, "VALID"), "mixed")(x)
    monkeypatch.setitem(lowering.TABLE.ops, "Relu", lambda ctx, op, x: ctx.emit(ops.LogicalNot(), x))
    with pytest.raises(UnsupportedError) as e:
        capture(keras.Model(x, [mixed, keras.layers.ReLU(name="act")(x)]))
    assert {(i.where, i.op) for i in e.value.items} == {("mixed", "Conv2D"), ("act", "Relu")}
    assert "act: Relu: logical_not(f32[batch,6,6,width]): needs boolean elements, got f32" in str(e.value)


def test_a_wrong_lowering_is_caught(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result of another type than TensorFlow's is a bug of kexport's, and is called that."""
    x = keras.Input((3,))
    model = keras.Model(x, keras.layers.Activation("relu", name="act")(keras.layers.Dense(4)(x)))
    monkeypatch.setitem(lowering.TABLE.ops, "Relu", lambda ctx, op, x: ctx.reshape(x, (x.type.numel,)))
    with pytest.raises(CaptureError, match=r"Relu gives float32\[None, 4\], lowered to f32\[4\*batch\]") as e:
        capture(model)
    assert e.value.where == "act"
    assert "bug in kexport" in str(e.value.hint)


def test_a_crash_in_a_lowering_is_called_a_bug(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x = keras.Input((3,))
    model = keras.Model(x, keras.layers.Activation("relu", name="act")(x))
    monkeypatch.setitem(lowering.TABLE.ops, "Relu", lambda ctx, op, x: x.nothing)
    with pytest.raises(CaptureError, match="lowering Relu failed: AttributeError") as e:
        capture(model)
    assert e.value.where == "act"


def test_every_op_type_of_the_tables_exists(keras: Any) -> None:
    from tensorflow.python.framework import op_def_registry

    older = {"ScaleAndTranslate", "DebugIdentityV2"}
    assert [t for t in lowering.TABLE.ops if t not in older and op_def_registry.get(t) is None] == []


def test_every_frame_of_the_tables_exists(keras: Any) -> None:
    import importlib

    for label in lowering.TABLE.frames:
        module, _, name = label.partition(".")
        if module in ("layer", "layer2"):
            assert hasattr(keras.layers, name), label
        else:
            assert hasattr(importlib.import_module(f"keras.src.backend.tensorflow.{module}"), name), label


def test_importing_capture_loads_no_framework() -> None:
    code = "import sys, kexport.capture.capturing; print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
