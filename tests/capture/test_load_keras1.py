"""Files of Keras 1 mean what they meant: each is made by hand, and compared with numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.signal import convolve2d, correlate2d

from kexport.capture.load import load
from kexport.errors import CaptureError
from kexport.ir.op import Array
from tests.capture.agree import agree
from tests.capture.keras1_files import (
    functional,
    gates,
    gru,
    hard_sigmoid,
    layer,
    lstm,
    named,
    node,
    port,
    sigmoid,
    some,
    write,
)

pytest.importorskip("h5py", reason="h5py reads .h5 files")


def check(path: Path, x: Array | list[Array], expected: Array) -> Any:
    """Compare what the loaded model computes with what is expected, and its graph with the model."""
    arrays = x if isinstance(x, list) else [x]
    source = load(path)
    np.testing.assert_allclose(source.run(arrays)[0], expected, rtol=1e-4, atol=1e-5)
    agree(source, arrays)
    return source


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def slide(x: Array, kernel: Array, bias: Array, how: Any) -> Array:
    """A valid convolution or correlation of [n, c, h, w] with [o, c, h, w]."""
    planes = [[sum(how(i[c], k[c], mode="valid") for c in range(len(k))) for k in kernel] for i in x]
    return np.array(planes) + bias[:, None, None]


def image_model(order: str) -> list[dict[str, Any]]:
    shape = [None, 2, 6, 7] if order == "th" else [None, 6, 7, 2]
    conv = {"nb_filter": 2, "nb_row": 2, "nb_col": 2, "border_mode": "valid", "subsample": [1, 1], "activation": "relu"}
    norm = {"mode": 0, "axis": 1 if order == "th" else -1, "epsilon": 1e-3, "momentum": 0.99}
    pool = {"pool_size": [2, 2], "strides": [2, 2], "border_mode": "valid", "dim_ordering": order}
    return [
        layer("Convolution2D", "conv", batch_input_shape=shape, bias=True, dim_ordering=order, **conv),
        layer("BatchNormalization", "norm", gamma_regularizer=None, beta_regularizer=None, **norm),
        layer("MaxPooling2D", "pool", **pool),
        layer("Dropout", "drop", p=0.5),
        layer("Flatten", "flat"),
        layer("Dense", "out", output_dim=3, activation="softmax", bias=True, input_dim=None),
    ]


@pytest.mark.parametrize("order", ["th", "tf"])
@pytest.mark.parametrize(
    ("backend", "how", "end"),
    [
        ("theano", convolve2d, ""),
        ("tensorflow", correlate2d, ":0"),
        ("mxnet", correlate2d, ""),
        (None, convolve2d, ""),
        (None, correlate2d, ":0"),
    ],
)
def test_kernels_are_slid_as_their_backend_did(
    tf_keras: Any, tmp_path: Path, order: str, backend: str | None, how: Any, end: str
) -> None:
    kernel = some(2, 2, 2, 2)
    bias = some(2)
    x = some(3, 2, 6, 7)
    norm = {"gamma": some(2), "beta": some(2), "running_mean": some(2), "running_std": some(2) ** 2 + 0.5}
    dense = some(12, 3)
    shift = some(3)
    stored = kernel if order == "th" else kernel.transpose(2, 3, 1, 0)
    weights = {
        "conv": named("conv", W=stored, b=bias),
        "norm": named("norm", **norm),
        "pool": [],
        "drop": [],
        "flat": [],
        "out": named("out", W=dense, b=shift),
    }
    weights = {n: [(w + end, a) for w, a in arrays] for n, arrays in weights.items()}
    path = write(tmp_path / "old.h5", image_model(order), weights, backend)
    y = np.maximum(slide(x, kernel, bias, how), 0)
    gamma, beta, mean, variance = (v[:, None, None] for v in norm.values())
    y = (y - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    y = y[:, :, :4].reshape(3, 2, 2, 2, 3, 2).max((3, 5))
    y = y.reshape(3, -1) if order == "th" else y.transpose(0, 2, 3, 1).reshape(3, -1)
    check(path, x if order == "th" else x.transpose(0, 2, 3, 1), softmax(y @ dense + shift))


RNN = {
    "output_dim": 3,
    "activation": "tanh",
    "go_backwards": False,
    "stateful": False,
    "unroll": False,
    "inner_init": "orthogonal",
    "U_regularizer": None,
    "dropout_W": 0.0,
    "dropout_U": 0.0,
    "input_dim": 2,
    "input_length": None,
    "batch_input_shape": [None, None, 2],
    "input_dtype": "float32",
}


@pytest.mark.parametrize("consume", ["cpu", "mem", "gpu"])
def test_gates_of_an_lstm(tf_keras: Any, tmp_path: Path, consume: str) -> None:
    w = gates("icfo", 2, 3)
    options = RNN | {"inner_activation": "hard_sigmoid", "forget_bias_init": "one", "return_sequences": True}
    together = {p: np.concatenate([w[f"{p}_{g}"] for g in "ifco"], -1) for p in "WUb"}
    stored = named("rnn", **(together if consume == "gpu" else w))
    model = [layer("LSTM", "rnn", consume_less=consume, **options)]
    x = some(2, 4, 2)
    check(write(tmp_path / "old.h5", model, {"rnn": stored}), x, lstm(x, w))


def test_gates_of_a_gru(tf_keras: Any, tmp_path: Path) -> None:
    w = gates("zrh", 2, 3)
    options = RNN | {"inner_activation": "hard_sigmoid", "return_sequences": False, "consume_less": "cpu"}
    x = some(2, 4, 2)
    check(write(tmp_path / "old.h5", [layer("GRU", "rnn", **options)], {"rnn": named("rnn", **w)}), x, gru(x, w))


def test_a_bidirectional_layer_over_words(tf_keras: Any, tmp_path: Path) -> None:
    table = some(6, 2)
    forward = gates("icfo", 2, 3)
    backward = gates("icfo", 2, 3)
    inner = layer("LSTM", "inner", **(RNN | {"inner_activation": "hard_sigmoid", "return_sequences": True}))
    wrapped = layer("Dense", "dense", output_dim=2, activation="hard_sigmoid", bias=True)
    embed = {"input_dim": 6, "output_dim": 2, "input_length": 4, "mask_zero": False, "dropout": 0.0}
    model = [
        layer("Embedding", "words", batch_input_shape=[None, 4], input_dtype="int32", **embed),
        layer("Bidirectional", "both", layer=inner, merge_mode="concat"),
        layer("TimeDistributed", "each", layer=wrapped),
    ]
    dense = some(6, 2)
    shift = some(2)
    both = [*named("forward_inner", **forward), *named("backward_inner", **backward)]
    weights = {"words": named("words", W=table), "both": both, "each": named("each", W=dense, b=shift)}
    ids = np.array([[1, 5, 0, 3], [2, 2, 4, 1]], np.int32)
    x = table[ids]
    y = np.concatenate([lstm(x, forward), lstm(x[:, ::-1], backward)[:, ::-1]], -1)
    source = check(write(tmp_path / "old.h5", model, weights), ids, hard_sigmoid(y @ dense + shift))
    assert source.inputs[0].dtype == "int32"


def test_highway_and_maxout(tf_keras: Any, tmp_path: Path) -> None:
    model = [
        layer("Highway", "way", activation="tanh", bias=True, transform_bias=-2, batch_input_shape=[None, 3]),
        layer("MaxoutDense", "most", output_dim=2, nb_feature=4, bias=True),
    ]
    way = {"W": some(3, 3), "W_carry": some(3, 3), "b": some(3), "b_carry": some(3)}
    most = {"W": some(4, 3, 2), "b": some(4, 2)}
    x = some(5, 3)
    gate = sigmoid(x @ way["W_carry"] + way["b_carry"])
    y = gate * np.tanh(x @ way["W"] + way["b"]) + (1 - gate) * x
    expected = np.max([y @ w + b for w, b in zip(most["W"], most["b"], strict=True)], axis=0)
    check(write(tmp_path / "old.h5", model, {"way": named("way", **way), "most": named("most", **most)}), x, expected)


@pytest.mark.parametrize("form", ["new", "old"])
@pytest.mark.parametrize("backend", ["theano", "tensorflow"])
def test_convolutions_of_sequences(tf_keras: Any, tmp_path: Path, form: str, backend: str) -> None:
    kernel = some(3, 1, 2, 4)
    bias = some(4)
    x = some(2, 6, 2)
    conv = {"nb_filter": 4, "filter_length": 3, "border_mode": "same", "subsample_length": 1, "activation": "linear"}
    model = [layer("Convolution1D", "conv", batch_input_shape=[None, 6, 2], bias=True, **conv)]
    stored = kernel if form == "new" else kernel.transpose(3, 2, 0, 1)
    path = write(tmp_path / "old.h5", model, {"conv": named("conv", W=stored, b=bias)}, backend)
    slid = kernel[::-1] if backend == "theano" else kernel
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0)))
    check(path, x, sum(padded[:, i : i + 6] @ slid[i, 0] for i in range(3)) + bias)


@pytest.mark.parametrize("order", ["th", "tf"])
@pytest.mark.parametrize("size", [7, 8])
def test_a_deconvolution_reaches_its_output_shape(tf_keras: Any, tmp_path: Path, order: str, size: int) -> None:
    kernel = some(2, 3, 3, 3)
    bias = some(2)
    x = some(1, 3, 3, 3)  # [out, in, rows, columns]
    shape = [None, 2, size, size] if order == "th" else [None, size, size, 2]
    options = {
        "nb_filter": 2,
        "nb_row": 3,
        "nb_col": 3,
        "output_shape": shape,
        "subsample": [2, 2],
        "bias": True,
        "border_mode": "valid",
        "activation": "linear",
        "dim_ordering": order,
    }
    model = [layer("Deconvolution2D", "up", batch_input_shape=[None, 3, 3, 3], **options)]
    stored = kernel if order == "th" else kernel.transpose(2, 3, 1, 0)
    path = write(tmp_path / "old.h5", model, {"up": named("up", W=stored, b=bias)})
    expected = np.zeros((1, 2, size, size)) + bias[:, None, None]
    for i in range(3):
        for j in range(3):
            expected[0, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += np.einsum("c,ocij->oij", x[0, :, i, j], kernel)
    back = (0, 2, 3, 1)
    check(path, x if order == "th" else x.transpose(back), expected if order == "th" else expected.transpose(back))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("sum", lambda a, b: a + b),
        ("mul", lambda a, b: a * b),
        ("ave", lambda a, b: (a + b) / 2),
        ("max", np.maximum),
        ("concat", lambda a, b: np.concatenate([a, b], -1)),
        ("dot", lambda a, b: (a * b).sum(-1, keepdims=True)),
    ],
)
def test_merges(tf_keras: Any, tmp_path: Path, mode: str, expected: Any) -> None:
    merge = {"mode": mode, "concat_axis": -1, "dot_axes": -1, "mode_type": "raw", "arguments": {}}
    merge |= {"output_shape": None, "output_shape_type": "raw", "node_indices": [0, 0], "tensor_indices": [0, 0]}
    layers = [port("a", 3), port("b", 3), node("Merge", "both", ["a", "b"], **merge)]
    x = [some(2, 3), some(2, 3)]
    path = write(tmp_path / "old.h5", functional(layers, ["a", "b"], ["both"]), {"a": [], "b": [], "both": []})
    check(path, x, expected(*x))


def dense(name: str, units: int, **options: Any) -> dict[str, Any]:
    return layer("Dense", name, output_dim=units, activation="linear", bias=True, **options)


def test_a_sequential_model_that_begins_with_a_merge(tf_keras: Any, tmp_path: Path) -> None:
    branches = [
        {"class_name": "Sequential", "config": [dense(f"d{i}", 3, batch_input_shape=[None, 2])]} for i in (1, 2)
    ]
    model = [layer("Merge", "both", mode="sum", layers=branches), dense("out", 1)]
    w = {n: {"W": some(*s), "b": some(s[1])} for n, s in (("d1", (2, 3)), ("d2", (2, 3)), ("out", (3, 1)))}
    path = write(tmp_path / "old.h5", model, {n: named(n, **a) for n, a in w.items()})
    x = [some(4, 2), some(4, 2)]
    y = sum(v @ w[n]["W"] + w[n]["b"] for v, n in zip(x, ("d1", "d2"), strict=True))
    check(path, x, y @ w["out"]["W"] + w["out"]["b"])


def test_models_within_a_model_hold_their_weights_together(tf_keras: Any, tmp_path: Path) -> None:
    norm = layer("BatchNormalization", "d_1", mode=0, axis=-1, epsilon=1e-3)
    inner = {"class_name": "Sequential", "config": [dense("d", 3, batch_input_shape=[None, 2]), norm, dense("e", 2)]}
    layers = [
        port("x", 2),
        {**inner, "name": "inner", "inbound_nodes": [[["x", 0, 0]]]},
        {**layer("Activation", "y", activation="relu"), "name": "y", "inbound_nodes": [[["inner", 1, 0]]]},
    ]
    w = {n: {"W": some(*s), "b": some(s[1])} for n, s in (("d", (2, 3)), ("e", (3, 2)))}
    stats = {"gamma": some(3), "beta": some(3), "running_mean": some(3), "running_std": some(3) ** 2 + 0.5}
    stored = [*named("d", **w["d"]), *named("d_1", **stats)[:2], *named("e", **w["e"]), *named("d_1", **stats)[2:]]
    path = write(tmp_path / "old.h5", functional(layers, ["x"], ["y"]), {"x": [], "inner": stored, "y": []})
    x = some(4, 2)
    y = x @ w["d"]["W"] + w["d"]["b"]
    y = (y - stats["running_mean"]) / np.sqrt(stats["running_std"] + 1e-3) * stats["gamma"] + stats["beta"]
    check(path, x, np.maximum(y @ w["e"]["W"] + w["e"]["b"], 0))


@pytest.mark.parametrize("padding", [[1, 0, 2, 3], {"top_pad": 1, "left_pad": 2, "right_pad": 3}])
def test_padding_in_every_form(tf_keras: Any, tmp_path: Path, padding: Any) -> None:
    model = [layer("ZeroPadding2D", "pad", batch_input_shape=[None, 2, 2, 1], padding=padding, dim_ordering="tf")]
    x = some(1, 2, 2, 1)
    path = write(tmp_path / "old.h5", model, {"pad": []}, version=None)
    check(path, x, np.pad(x, ((0, 0), (1, 0), (2, 3), (0, 0))))


SHAPE = {"batch_input_shape": [None, 8, 8, 1]}
CONV = {"nb_filter": 1, "nb_row": 2, "nb_col": 2, "activation": "linear", "dim_ordering": "tf", "bias": False}


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (layer("Dense", "bad", units=2, **SHAPE), r"bad: a Dense of Keras 1 has no option units"),
        (layer("SReLU", "bad", **SHAPE), "bad: a SReLU of Keras 1 has no counterpart"),
        (layer("Lambda", "bad", function="4wEAAA", **SHAPE), "bad: a Lambda whose bytecode is not understood"),
        (layer("Activation", "bad", activation="magic", **SHAPE), "bad: activation is 'magic'"),
        (layer("BatchNormalization", "bad", mode=2, **SHAPE), "bad: a BatchNormalization of mode 2"),
        (layer("Convolution2D", "bad", border_mode="full", **CONV, **SHAPE), "bad: border_mode is 'full'"),
        (layer("Dense", "bad", output_dim=2), "bad_input: the shape of its input is not in the file"),
        (layer("Dense", "bad", output_dim=2, activation="linear", **SHAPE), r"bad: its weights are not in the file"),
        (layer("Merge", "bad", mode="cos", layers=[]), "bad: a Merge of anything but models"),
        (layer("Reshape", "bad", target_shape=[3], **SHAPE), "its config makes no model of Keras 2: ValueError"),
    ],
)
def test_what_has_no_counterpart(tf_keras: Any, tmp_path: Path, made: Any, message: str) -> None:
    with pytest.raises(CaptureError, match=rf"old.h5: {message}"):
        load(write(tmp_path / "old.h5", [made], {}))


def test_a_layer_of_ones_own(tf_keras: Any, tmp_path: Path) -> None:
    class Times(tf_keras.layers.Layer):
        def __init__(self, factor: float, **options: Any):
            super().__init__(name=options["name"])
            self.factor = factor

        def call(self, x: Any) -> Any:
            return x * self.factor

    path = write(tmp_path / "old.h5", [layer("Times", "own", factor=3.0, batch_input_shape=[None, 2])], {"own": []})
    with pytest.raises(CaptureError, match="own: a Times of Keras 1 has no counterpart"):
        load(path)
    x = some(2, 2)
    np.testing.assert_allclose(load(path, custom={"Times": Times}).run([x])[0], x * 3)


@pytest.mark.parametrize("before", [["y"], ["nowhere"]])
def test_a_model_that_hangs_in_the_air(tf_keras: Any, tmp_path: Path, before: list[str]) -> None:
    layers = [port("x", 3), node("Activation", "y", before, activation="relu")]
    with pytest.raises(CaptureError, match="y: it is called on results that are never there"):
        load(write(tmp_path / "old.h5", functional(layers, ["x"], ["y"]), {}))


@pytest.mark.parametrize("mode", ["cos", "function"])
def test_a_merge_without_counterpart(tf_keras: Any, tmp_path: Path, mode: str) -> None:
    options = {"mode": mode, "mode_type": "raw" if mode == "cos" else mode}
    layers = [port("a", 3), node("Merge", "both", ["a", "a"], **options)]
    with pytest.raises(CaptureError, match=f"both: a Merge of mode '{mode}' has no counterpart"):
        load(write(tmp_path / "old.h5", functional(layers, ["a"], ["both"]), {}))


def test_weights_that_do_not_fit(tf_keras: Any, tmp_path: Path) -> None:
    model = [dense("out", 2, batch_input_shape=[None, 3])]
    with pytest.raises(CaptureError, match=r"out: its weights have shapes \[\(2, 2\)\], and its options ask for"):
        load(write(tmp_path / "old.h5", model, {"out": named("out", W=some(2, 2))}))
    right = named("out", W=some(3, 2), b=some(2))
    with pytest.raises(CaptureError, match="there are weights of no layer in it: other"):
        load(write(tmp_path / "old.h5", model, {"out": right, "other": right}))


def test_weights_without_names_do_not_tell_the_backend(tf_keras: Any, tmp_path: Path) -> None:
    model = [layer("Convolution2D", "conv", border_mode="valid", subsample=[1, 1], **CONV, **SHAPE)]
    path = write(tmp_path / "old.h5", model, {"conv": [("param_0", some(2, 2, 1, 1))]}, backend=None)
    with pytest.raises(CaptureError, match="does not say whether it was saved on TensorFlow or on Theano"):
        load(path)


@pytest.mark.parametrize(
    ("kind", "options", "fits"),
    [
        ("Convolution2D", {"nb_row": 3, "nb_col": 3, "subsample": [1, 1]}, True),
        ("Convolution2D", {"nb_row": 1, "nb_col": 1, "subsample": [2, 2]}, True),
        ("Convolution2D", {"nb_row": 2, "nb_col": 2, "subsample": [1, 1]}, False),
        ("Convolution2D", {"nb_row": 3, "nb_col": 3, "subsample": [2, 2]}, False),
        ("MaxPooling2D", {"pool_size": [3, 3], "strides": [1, 1]}, True),
        ("MaxPooling2D", {"pool_size": [2, 2], "strides": [2, 2]}, False),
    ],
)
def test_padding_that_theano_puts_elsewhere_is_refused(
    tf_keras: Any, tmp_path: Path, kind: str, options: dict[str, Any], fits: bool
) -> None:
    conv = {} if kind == "MaxPooling2D" else CONV
    made = layer(kind, "bad", **({"dim_ordering": "tf"} | conv | options | SHAPE), border_mode="same")
    kernel = some(*(options.get(k, 1) for k in ("nb_row", "nb_col")), 1, 1)
    path = write(tmp_path / "old.h5", [made], {"bad": [] if kind == "MaxPooling2D" else [("bad_W", kernel)]}, "theano")
    if fits:
        assert load(path).kind == "keras2"
    else:
        with pytest.raises(CaptureError, match="bad: its padding 'same' of windows of"):
            load(path)
