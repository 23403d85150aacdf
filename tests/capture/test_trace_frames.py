"""Frames: exact layer paths, labels, arguments and results of every call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.capture.load import load
from kexport.capture.tracing.frames import Frame, local, path_of
from kexport.capture.tracing.standins import STAND_IN
from kexport.capture.tracing.start import trace
from kexport.capture.tracing.trace import Trace
from kexport.errors import CaptureError


def frames(found: Trace) -> dict[int, Frame]:
    """Every frame that made an op, and the frames above it, by index."""
    tagged = (f for tags in found.tags.values() for f in tags.values())
    return {g.index: g for f in tagged for g in f.chain()}


def layer_paths(found: Trace) -> list[str]:
    """The paths of layer calls in order of call."""
    ordered = sorted(frames(found).items())
    return [f.path for _, f in ordered if f.layer is not None and f.name]


def only(found: Trace, label: str, path: str) -> Frame:
    (frame,) = [f for f in frames(found).values() if f.label == label and f.path == path]
    return frame


@pytest.fixture(scope="module")
def nested(keras: Any) -> Trace:
    """A shared layer, a Sequential and a functional model inside a functional model, and a subclassed layer."""
    layers = keras.layers

    class Residual(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.inner = layers.Dense(4, name="inner")
            self.norm = layers.LayerNormalization(name="norm")

        def build(self, shape: Any) -> None:
            self.inner.build(shape)
            self.norm.build(shape)

        def call(self, x: Any) -> Any:
            return self.norm(x + self.inner(x))

    x = keras.Input((4,), name="x")
    shared = layers.Dense(4, activation="gelu", name="shared")
    block = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="a"), Residual(name="res")], name="block")
    y = keras.Input((4,))
    encoder = keras.Model(y, block(shared(y)), name="encoder")
    out = keras.ops.multiply(layers.Dropout(0.5, name="drop")(encoder(shared(x))), 2.0)
    return trace(load(keras.Model(x, layers.Softmax(name="out")(out))))


def test_paths_are_those_of_the_layers(nested: Trace) -> None:
    assert layer_paths(nested) == [
        "shared",
        "encoder",
        "encoder/shared",
        "encoder/block",
        "encoder/block/a",
        "encoder/block/res",
        "encoder/block/res/inner",
        "encoder/block/res/norm",
        "out",
    ]


def test_every_op_of_a_layer_has_its_path(nested: Trace) -> None:
    paths = {op.type: nested.frame_of(op).path for op in nested.graph.get_operations()}
    assert paths["Softmax"] == "out"
    stand_ins = [nested.frame_of(op).path for op in nested.graph.get_operations() if op.type == STAND_IN]
    assert "encoder/block/res/norm" in stand_ins
    assert nested.frame_of(nested.inputs[0].tensor.op) is nested.root


def test_labels_say_what_was_called(nested: Trace) -> None:
    chain = [f.label for f in only(nested, "nn.gelu", "encoder/shared").chain()]
    assert chain == ["nn.gelu", "layer.Dense", "layer.Functional", "layer.Functional", "model"]
    residual = only(nested, "custom.Residual", "encoder/block/res")
    assert residual.kinds == ()
    (multiply,) = [f for f in frames(nested).values() if f.label == "op.Multiply"]
    assert multiply.path == ""


def test_arguments_and_results_are_kept(nested: Trace) -> None:
    shared = only(nested, "layer.Dense", "shared")
    assert shared.bound() == {"inputs": nested.inputs[0].tensor, "training": False}
    assert shared.tensors == [shared.outputs]
    gelu = only(nested, "nn.gelu", "shared")
    assert gelu.bound()["approximate"] is False
    assert gelu.tensors[0] is shared.tensors[0]
    softmax = only(nested, "layer.Softmax", "out")
    assert softmax.bound()["inputs"] is only(nested, "op.Multiply", "").outputs
    assert softmax.outputs is nested.outputs[0].tensor
    assert softmax.layer.axis == -1


def test_the_root_has_no_arguments(nested: Trace) -> None:
    assert (nested.root.path, nested.root.kinds, nested.root.layer_type) == ("", ("model",), None)


def test_kinds_of_subclasses(keras: Any) -> None:
    layers = keras.layers

    class Named(layers.Dense):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

        def get_config(self) -> Any:
            return super().get_config()

        def extra(self) -> None: ...

    class Doubled(layers.Dense):
        def call(self, inputs: Any, training: Any = None) -> Any:
            return 2 * super().call(inputs, training)

    class Normed(layers.Dense):
        @property
        def kernel(self) -> Any:
            return keras.ops.normalize(super().kernel)

    class Dense(layers.Layer):
        def call(self, x: Any) -> Any:
            return x + 1

    class Child(Doubled):
        pass

    patched = layers.Dense(3, name="patched")
    x = h = keras.Input((3,))
    plain = [
        Named(3, name="n"),
        Doubled(3, name="d"),
        Normed(3, name="k"),
        Dense(name="own"),
        Child(3, name="c"),
        patched,
    ]
    for layer in plain:
        h = layer(h)
    h = layers.SeparableConv1D(2, 1, name="conv")(keras.ops.expand_dims(h, -1))
    patched.call = lambda inputs, training=None: inputs
    found = trace(load(keras.Model(x, h)))
    kinds = {f.name: (f.label, f.kinds) for f in frames(found).values() if f.name}
    assert kinds == {
        "n": ("custom.Named", ("layer.Dense",)),
        "d": ("custom.Doubled", ()),
        "k": ("custom.Normed", ()),
        "own": ("custom.Dense", ()),
        "c": ("custom.Child", ()),
        "conv": ("layer.SeparableConv1D", ("layer.SeparableConv1D", "layer.BaseSeparableConv")),
    }


@pytest.mark.filterwarnings("ignore:Layer InputLayer does not have a `quantize`")
def test_quantized_layers_are_bound_like_others(keras: Any) -> None:
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(4, name="q")(x))
    model.quantize("int8")
    found = trace(load(model))
    assert only(found, "layer.Dense", "q").bound()["inputs"] is found.inputs[0].tensor
    assert "Round" in {op.type for op in found.graph.get_operations()}


def test_a_function_that_was_called_before_is_traced_anew(keras: Any) -> None:
    import tensorflow as tf

    body = keras.layers.Dense(3, name="body")
    body.build((None, 3))

    @tf.function
    def function(x: Any) -> Any:
        if tf.reduce_sum(x) > 0:
            x = x + 1
        return keras.ops.relu(body(x))

    class Caller(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return function(x)

    x = keras.Input((3,))
    source = load(keras.Model(x, Caller(name="two")(Caller(name="one")(x))))
    source.run([np.zeros((1, 3), "float32")])
    found = trace(source)
    types = {op.type: found.frame_of(op).path for op in found.graph.get_operations()}
    assert types[STAND_IN] == "two/body"
    assert layer_paths(found) == ["one", "one/body", "two", "two/body"]


def test_frames_of_a_function_that_is_inlined_twice() -> None:
    """The frames of its first tracing are combined with those of each call, as the module says."""
    outer = object()
    inner = object()
    root = Frame("model", 0, graph=outer)
    one, two = (Frame("custom.Caller", i, root, outer, name) for i, name in ((1, "one"), (2, "two")))
    body = Frame("nn.relu", 4, Frame("layer.Dense", 3, one, inner, "body"), inner)
    assert body.path == "one/body"
    assert [f.index for f in local(body, inner)] == [3, 4]
    assert local(one, inner) == ()
    for call, path in ((one, "one/body"), (two, "two/body")):
        assert path_of((*local(call, outer), *local(body, inner))) == path


def test_masks_reach_the_layers_that_use_them(keras: Any) -> None:
    ids = keras.Input((5,), dtype="int32")
    h = keras.layers.Embedding(9, 4, mask_zero=True, name="table")(ids)
    h = keras.layers.MultiHeadAttention(2, 2, name="attention")(h, h)
    model = keras.Model(ids, keras.layers.GlobalAveragePooling1D(name="pool")(h))
    found = trace(load(model))
    mask = only(found, "layer.GlobalAveragePooling1D", "pool").bound()["mask"]
    assert (mask.dtype.name, mask.shape.as_list()) == ("bool", [None, 5])
    assert {f.path for f in frames(found).values() if f.label == "mask.Embedding"} == {"table"}
    bound = only(found, "layer.MultiHeadAttention", "attention").bound()
    assert (bound["query_mask"].dtype.name, bound["key_mask"]) == ("bool", None)


def test_dropout_and_losses_are_not_live(keras: Any) -> None:
    x = keras.Input((4,))
    h = keras.layers.Dense(4, activity_regularizer="l2")(keras.layers.Dropout(0.5, seed=1)(x))
    model = keras.Model(x, keras.layers.GaussianNoise(1.0)(h))
    found = trace(load(model))
    assert "RandomUniform" not in "".join(op.type for op in found.graph.get_operations())
    assert model.losses == []


@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_convolutions_keep_their_arguments(data_format: str, keras: Any) -> None:
    shape = (3, 8, 4) if data_format == "channels_first" else (8, 4, 3)
    x = keras.Input(shape)
    conv = keras.layers.Conv2D(4, 3, strides=2, padding="same", data_format=data_format, name="conv")
    pool = keras.layers.MaxPooling2D(data_format=data_format, name="pool")
    found = trace(load(keras.Model(x, pool(conv(x)))))
    bound = only(found, "nn.conv", "conv").bound()
    assert (bound["data_format"], bound["padding"]) == (data_format, "same")
    assert bound["inputs"] is found.inputs[0].tensor
    assert found.outputs[0].tensor.shape.as_list()[1:] == ([4, 2, 1] if data_format == "channels_first" else [2, 1, 4])


# --- branches and errors


def test_a_branch_on_a_tensor_is_converted(keras: Any) -> None:
    class Branch(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            if keras.ops.sum(x) > 0:
                return x * 2
            return x

        def compute_output_spec(self, x: Any) -> Any:
            return keras.KerasTensor(x.shape, x.dtype)

    before = Branch.call
    x = keras.Input((3,))
    source = load(keras.Model(x, Branch(name="branch")(x)))
    found = trace(source)
    (branch,) = [op for op in found.graph.get_operations() if op.type in ("If", "StatelessIf")]
    assert found.frame_of(branch).path == "branch"
    then = found.function_graph(branch.get_attr("then_branch").name)
    (product,) = [op for op in then.get_operations() if op.type == "Mul"]
    assert found.frame_of(product).label == "custom.Branch"
    assert Branch.call is before
    assert source.run([np.ones((1, 3), "float32")])[0].tolist() == [[2, 2, 2]]


def test_what_fails_under_autograph_is_said(keras: Any) -> None:
    class Unpacks(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            first, second = x
            return first + second

        def compute_output_spec(self, x: Any) -> Any:
            return keras.KerasTensor(x.shape[1:], x.dtype)

    x = keras.Input(batch_shape=(2, 3))
    with pytest.raises(CaptureError, match="OperatorNotAllowedInGraphError: Iterating over a symbolic"):
        trace(load(keras.Model(x, Unpacks()(x))))


def test_a_failing_layer_is_named(keras: Any) -> None:
    class Numpy(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x.numpy()

        def compute_output_spec(self, x: Any) -> Any:
            return keras.KerasTensor(x.shape, x.dtype)

    x = keras.Input((3,))
    block = keras.Sequential([keras.Input((3,)), Numpy(name="eager")], name="block")
    with pytest.raises(CaptureError, match="tracing the model failed: AttributeError") as error:
        trace(load(keras.Model(x, block(x))))
    assert error.value.where == "block/eager"
    assert "tf.function" in str(error.value.hint)


def test_a_ragged_output_is_refused(keras: Any) -> None:
    import tensorflow as tf

    class Ragged(keras.Model):
        def call(self, x: Any) -> Any:
            return tf.RaggedTensor.from_tensor(x)

    with pytest.raises(CaptureError, match="returns a RaggedTensor"):
        trace(load(Ragged(), example=np.zeros((2, 3), "float32")))
