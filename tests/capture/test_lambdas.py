"""Functions that files carry as bytecode: read as expressions, whatever Python compiled them, and run by nobody.

`lambdas.json` holds the same functions as Keras stores them, compiled by CPython 2.7 to 3.13.
"""

from __future__ import annotations

import base64
import json
import marshal
import opcode
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.capture.lambdas.evaluate import apply, check
from kexport.capture.lambdas.layer import keras2_modules, keras3_modules
from kexport.capture.lambdas.opcodes import CACHES, NUMBERS
from kexport.capture.lambdas.read import NotUnderstood, read_lambda
from kexport.capture.lambdas.written import read_written
from kexport.errors import ConfigError

STORED = json.loads((Path(__file__).parent / "lambdas.json").read_text())
PYTHONS = sorted(STORED, key=lambda v: tuple(map(int, v.split("."))))
MEANING = {
    "a": "((x / 127.5) - 1)",
    "b": "((x / 255.0) - 0.5)",
    "c": "-x",
    "d": "((x - mean) / std)",
    "e": "K.clip(x, lo, hi)",
    "f": "K.l2_normalize(x, axis=1)",
    "g": "abs((t[0] - t[1]))",
    "h": "K.sqrt(K.maximum(K.sum(K.square((vects[0] - vects[1])), axis=1, keepdims=True), K.epsilon()))",
    "i": "x[:, -1, :]",
    "j": "(args[0] + (K.exp((0.5 * args[1])) * K.random_normal(shape=(K.shape(args[0])[0], K.int_shape(args[0])[1]))))",
    "k": "(args[0] + (tensorflow.exp((args[1] / 2)) * "
    "tensorflow.random.normal(tensorflow.shape(args[0]), mean=0.0, stddev=1.0)))",
    "l": "tf.image.resize(x, (8, 8), method='nearest')",
    "m": "K.mean(x, axis=(1, 2), keepdims=True)",
    "n": "x[..., ::2]",
    "o": "((tf.nn.relu(x) ** 2) > 0.5)",
    "p": "tf.expand_dims(x, -1)",
    "q": "x[:, 1:3]",
    "s": "K.reshape(x, (-1, 3, 4))",
    "t": "(x.get_shape().as_list()[1] * x)",
    "u": "(x, (x * 2))",
    "v": "tf.keras.backend.mean(x, axis=-1)",
    "w": "x[:, 1:]",
    "y": "((x[0] * x[1]) / tf.norm(x[0], axis=-1, keepdims=True))",
}


@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_compiles_the_same_meaning(python: str) -> None:
    read = {name: read_lambda(STORED[python][name]) for name in MEANING}
    assert {name: str(function) for name, function in read.items()} == MEANING
    for function in read.values():
        check(function, {})


@pytest.mark.parametrize("python", PYTHONS)
def test_branches_are_refused_by_what_they_are(python: str) -> None:
    with pytest.raises(NotUnderstood, match=r"it branches, loops or makes functions \(Python "):
        read_lambda(STORED[python]["r"])


def test_values_beside_the_code_are_read() -> None:
    assert read_lambda(STORED["3.8"]["d"]).defaults == {"mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0]}
    assert read_lambda(STORED["3.8"]["e"]).closure == {"lo": 0.0, "hi": 1.0}


X = np.array([[0.5, -2.0, 300.0], [0.0, 1.0, 2.0]], "float32")


def stored(function: Callable[..., Any]) -> list[Any]:
    """A function of this Python as Keras 2 stores it."""
    cells = [c.cell_contents for c in function.__closure__ or ()]
    return [base64.b64encode(marshal.dumps(function.__code__)).decode(), function.__defaults__, cells]


@pytest.mark.parametrize("modules", [keras2_modules, keras3_modules])
@pytest.mark.parametrize(
    ("name", "inputs", "expected"),
    [
        ("a", X, X / 127.5 - 1),
        ("c", X, -X),
        ("d", X, (X - [1, 2, 3]) / [4, 5, 6]),
        ("e", X, np.clip(X, 0, 1)),
        ("f", X, X / np.linalg.norm(X, axis=1, keepdims=True)),
        ("g", [X, 2 * X], np.abs(X)),
        ("h", [X, 2 * X], np.linalg.norm(X, axis=1, keepdims=True)),
        ("i", X[None], X[None][:, -1, :]),
        ("n", X, X[..., ::2]),
        ("o", X, np.maximum(X, 0) ** 2 > 0.5),
        ("t", X, 3 * X),
        ("v", X, X.mean(-1)),
    ],
)
def test_expressions_compute_what_the_functions_do(
    tf_keras: Any, modules: Any, name: str, inputs: Any, expected: Any
) -> None:
    import tensorflow as tf

    tensors = [tf.constant(i) for i in inputs] if isinstance(inputs, list) else tf.constant(inputs)
    got = apply(read_lambda(STORED["3.8"][name]), {}, tensors, modules())
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-5)


def test_sizes_of_draws_that_the_file_does_not_have_are_those_of_the_tensor(tf_keras: Any) -> None:
    import tensorflow as tf

    def sampling(args: Any) -> Any:
        mean, variance = args
        noise = K.random_normal(shape=(K.shape(mean)[0], latent), mean=0.0, stddev=0.0)  # type: ignore[name-defined] # noqa: F821
        return mean + 2.0 * noise * K.exp(variance)  # type: ignore[name-defined] # noqa: F821

    function = read_lambda(stored(sampling))
    check(function, {})
    np.testing.assert_allclose(apply(function, {}, [tf.constant(X), tf.constant(X / 300)], keras2_modules()), X)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda x: os.system("true"), "'os.system'"),  # type: ignore[name-defined] # noqa: F821
        (lambda x: open("f").read(), "'open'|.read"),  # noqa: SIM115
        (lambda x: x.__class__.__bases__, "__bases__"),
        (lambda x: tf.io.read_file(x), "tf.io.read_file"),  # type: ignore[name-defined] # noqa: F821
        (lambda x: tf.py_function(x, [x], "float32"), "py_function"),  # type: ignore[name-defined] # noqa: F821
        (lambda x: K.function(x), "K.function"),  # type: ignore[name-defined] # noqa: F821
        (lambda x: __import__("os"), "__import__"),
        (lambda x: scale * x, "'scale', which is not in the file"),  # type: ignore[name-defined] # noqa: F821
        (lambda x, y: x + y, "parameter 'y' has no value"),
        (lambda *x: x, "any number of arguments"),
        (lambda x: [i + 1 for i in x], "branches, loops|makes functions|do not fit"),
        (lambda x: getattr(x, "numpy")(), "getattr"),  # noqa: B009
    ],
)
def test_what_is_on_no_list_is_refused(function: Callable[..., Any], why: str) -> None:
    with pytest.raises(NotUnderstood, match=why):
        check(read_lambda(stored(function)), {})


@pytest.mark.parametrize(
    "data", ["", "AAAA", "4w==", base64.b64encode(b"\xe3" + b"\xff" * 200).decode(), "x" * 5000, "é"]
)
def test_damaged_code_is_refused(data: str) -> None:
    with pytest.raises(NotUnderstood, match="no function of CPython"):
        read_lambda([data, None, None])


def test_mutants_of_code_are_read_or_refused() -> None:
    rng = np.random.default_rng(0)
    originals = [base64.b64decode(v[0]) for functions in STORED.values() for v in functions.values()]
    outcomes = {"read": 0, "refused": 0}
    for i in range(3000):
        data = bytearray(originals[i % len(originals)])
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            data[place] = rng.integers(0, 256)
        try:
            function = read_lambda([base64.b64encode(bytes(data)).decode(), None, None])
            check(function, {})
            outcomes["read"] += 1
        except NotUnderstood:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 100


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x/127.5-1", "((x / 127.5) - 1)"),
        ("clip(x, 0, 1)", "K.clip(x, 0, 1)"),
        ("x[:, -1, :]", "x[:, -1, :]"),
        (
            "x[0]+exp(x[1]/2)*random_normal(shape(x[0]))",
            "(x[0] + (K.exp((x[1] / 2)) * K.random_normal(K.shape(x[0]))))",
        ),
        ("tf.nn.softmax(x, axis=-1)", "tf.nn.softmax(x, axis=-1)"),
        ("mish(x)", "activations.mish(x)"),
    ],
)
def test_expressions_that_a_user_writes(text: str, shown: str) -> None:
    assert str(read_written(text, "--replace l")) == shown


@pytest.mark.parametrize(
    "text",
    ["", "x(", "__import__('os')", "x.__class__", "lambda: 1", "[i for i in x]", "y + 1", "x if x else 1", "x" * 5000],
)
def test_other_texts_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_written(text, "--replace l")
    assert "lambda_1=x/127.5-1" in str(caught.value.hint)


def test_the_tables_are_those_of_this_python() -> None:
    version = sys.version_info[:2]
    known = {(3, 11): (3, 11), (3, 12): (3, 12), (3, 13): (3, 13)}[version]
    assert {n: opcode.opmap[n] for n in NUMBERS[known]} == NUMBERS[known]
    words = opcode._inline_cache_entries  # type: ignore[attr-defined]
    entries = words if isinstance(words, dict) else {n: words[c] for n, c in opcode.opmap.items() if c < len(words)}
    assert {n: entries[n] for n in CACHES[known]} == CACHES[known]
