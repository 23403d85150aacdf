"""Models of Keras 3: live, from files, from functions; what goes in and out, and what is refused."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.capture.load import load
from kexport.capture.tracing.run import trace_model
from kexport.capture.tracing.start import trace
from kexport.capture.tracing.trace import Spec
from kexport.errors import CaptureError, ConfigError

CUSTOM = """
    import keras

    class Double(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    def swoosh(x):
        return x + 1

    def build():
        x = keras.Input((3,), name="x")
        h = Double(name="twice")(x)
        return keras.Model(x, keras.layers.Dense(2, activation=swoosh, name="out")(h))

    def broken():
        raise RuntimeError("no data")

    def nothing():
        return None
"""


@pytest.fixture(scope="module")
def custom_file(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`custom.py` with a layer and a function, beside `custom.keras` that needs both."""
    folder = tmp_path_factory.mktemp("custom")
    (folder / "custom.py").write_text(textwrap.dedent(CUSTOM))
    load(f"{folder / 'custom.py'}:build").model.save(folder / "custom.keras")
    return folder / "custom.keras"


def test_a_functional_model_keeps_its_names_and_nest(keras: Any) -> None:
    ids = keras.Input((None,), dtype="int64", name="ids")
    flag = keras.Input((1,), dtype="bool", name="flag")
    pooled = keras.layers.GlobalAveragePooling1D(name="pool")(keras.layers.Embedding(5, 4)(ids))
    model = keras.Model({"flag": flag, "ids": ids}, {"y": [pooled, ids], "x": keras.ops.cast(flag, "float32")})
    source = load(model)
    assert source.inputs == [Spec("flag", "bool", (None, 1)), Spec("ids", "int64", (None, None))]
    assert source.input_structure == {"flag": 0, "ids": 1}
    assert source.output_names == ["x", "y_0", "y_1"]
    found = trace(source)
    assert [i.tensor.dtype.name for i in found.inputs] == ["bool", "int64"]
    assert found.output_structure == {"x": 0, "y": [1, 2]}
    assert found.outputs[2].tensor is found.inputs[1].tensor
    values = source.run([np.array([[True], [False]]), np.array([[1, 2, 3], [4, 0, 1]])])
    assert [v.shape for v in values] == [(2, 1), (2, 4), (2, 3)]
    np.testing.assert_array_equal(values[2], [[1, 2, 3], [4, 0, 1]])


def test_outputs_are_named_by_their_layers_and_unique(keras: Any) -> None:
    x = keras.Input((3,), name="7")
    dense = keras.layers.Dense(2, name="head")
    source = load(keras.Model([x], [dense(x), dense(x), x]))
    assert source.output_names == ["head", "head_1", "7"]
    assert [i.name for i in source.inputs] == ["7"]
    assert source.input_structure == [0]


def test_an_output_is_never_called_as_an_input_is(keras: Any) -> None:
    class Pass(keras.Model):
        def call(self, inputs: Any) -> Any:
            return {"x": inputs["x"] + 1, "y": inputs["x"]}

    x = keras.Input((3,), name="x")
    passing = Pass()
    passing({"x": np.zeros((2, 3), "float32")})
    for model in (keras.Model([x], [x, keras.layers.ReLU(name="y")(x)]), passing):
        found = trace(load(model))
        assert [i.name for i in found.inputs] == ["x"]
        assert [o.name for o in found.outputs] == ["x_1", "y"]
    assert found.output_structure == {"x": 0, "y": 1}


def test_a_sequential_without_input_does_not_keep_the_first_batch_size(keras: Any) -> None:
    model = keras.Sequential([keras.layers.Dense(2)])
    model(np.zeros((32, 3), "float32"))
    assert load(model).inputs[0].shape == (None, 3)


def test_a_given_batch_size_is_kept(keras: Any) -> None:
    model = keras.Sequential([keras.Input((3,), batch_size=4, name="x"), keras.layers.Dense(2)])
    assert load(model).inputs == [Spec("x", "float32", (4, 3))]


def test_a_function_of_keras_is_a_model(keras: Any) -> None:
    a = keras.Input((3,), name="a")
    b = keras.Input((3,), name="b")
    function = keras.Function({"b": b, "a": a}, [a - b, {"sum": keras.layers.Add(name="added")([a, b])}], name="both")
    source = load(function)
    assert (source.name, source.input_structure) == ("both", {"a": 0, "b": 1})
    assert [i.name for i in source.inputs] == ["a", "b"]
    first, second = source.run([np.array([[1, 2, 3]], np.float32), np.array([[3, 3, 3]], np.float32)])
    assert (first.tolist(), second.tolist()) == ([[-2, -1, 0]], [[4, 5, 6]])


def test_text_inputs_are_kept(keras: Any) -> None:
    text = keras.Input((1,), dtype="string", name="text")
    model = keras.Model(text, keras.layers.StringLookup(vocabulary=["a", "b"])(text))
    source = load(model)
    assert source.inputs[0].dtype == "string"
    assert source.run([np.array([["b"], ["?"]], dtype=object)])[0].tolist() == [[2], [0]]


def test_sparse_inputs_are_refused(keras: Any) -> None:
    x = keras.Input((3,), sparse=True, name="x")
    with pytest.raises(CaptureError, match="input 'x' is sparse"):
        load(keras.Model(x, keras.layers.Dense(2)(x)))


def test_a_file_gives_the_same_as_the_model(keras: Any, dense_file: Path) -> None:
    live = load(keras.models.load_model(dense_file))
    loaded = load(str(dense_file))
    assert (loaded.inputs, loaded.output_names, loaded.path) == (live.inputs, live.output_names, str(dense_file))
    assert (live.name, loaded.name) == ("small", "dense")
    x = np.arange(6, dtype="float32").reshape(2, 3)
    np.testing.assert_array_equal(live.run([x])[0], loaded.run([x])[0])


# --- custom code


def test_a_model_from_a_function(keras: Any, custom_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(f"{custom_file.parent / 'custom.py'}:build").inputs == [Spec("x", "float32", (None, 3))]
    monkeypatch.chdir(custom_file.parent)
    assert load("custom:build").output_names == ["out"]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("custom.py:absent", ConfigError, "has no function 'absent'"),
        ("absent.py:build", ConfigError, "there is no file"),
        ("custom.py:broken", CaptureError, "raised RuntimeError: no data"),
        ("custom.py:nothing", CaptureError, "it returned a NoneType, no Keras model"),
    ],
)
def test_a_bad_function_is_an_error(
    name: str, error: type[Exception], message: str, custom_file: Path, keras: Any
) -> None:
    with pytest.raises(error, match=message):
        load(f"{custom_file.parent}/{name}")


def test_an_absent_module_is_an_error(keras: Any) -> None:
    with pytest.raises(ConfigError, match="module 'absent_module' cannot be imported: ModuleNotFoundError"):
        load("absent_module:build")


def test_custom_classes_are_refused_by_layer(custom_file: Path) -> None:
    with pytest.raises(CaptureError) as error:
        load(custom_file)
    assert "  twice: class Double" in error.value.what
    assert "  out: function swoosh" in error.value.what
    assert "--custom MODULE" in str(error.value.hint)


def test_custom_modules_are_used(custom_file: Path, keras: Any) -> None:
    module = custom_file.parent / "custom.py"
    source = load(custom_file, custom=[str(module)])
    x = np.ones((1, 3), "float32")
    expected = 2 * x @ source.model.get_layer("out").kernel.numpy() + 1
    np.testing.assert_allclose(source.run([x])[0], expected, rtol=1e-6)
    objects = {"Double": type(source.model.get_layer("twice")), "swoosh": source.model.get_layer("out").activation}
    assert load(custom_file, custom=objects).inputs == source.inputs


def test_automatic_names_do_not_depend_on_the_session(keras: Any, custom_file: Path) -> None:
    nameless = "import keras\ndef build():\n return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])\n"
    (custom_file.parent / "nameless.py").write_text(nameless)
    before = keras.layers.Dense(1).name
    for _ in range(2):
        source = load(f"{custom_file.parent / 'nameless.py'}:build")
        assert ([i.name for i in source.inputs], source.output_names) == (["input_layer"], ["dense"])
    assert keras.layers.Dense(1).name not in (before, "dense")


def test_a_trusted_file_names_its_own_modules(custom_file: Path, keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(custom_file.parent)
    monkeypatch.delitem(sys.modules, "custom", raising=False)
    objects = {"swoosh": keras.ops.negative}
    assert type(load(custom_file, trust=True, custom=objects).model.get_layer("twice")).__name__ == "Double"


@pytest.fixture
def lambda_file(keras: Any, tmp_path: Path) -> Path:
    x = keras.Input((3,))
    triple = keras.layers.Lambda(lambda v: v * 3 if v.shape[-1] else v, name="triple")
    keras.Model(x, triple(x)).save(tmp_path / "lambda.keras")
    return tmp_path / "lambda.keras"


def test_a_lambda_needs_trust(lambda_file: Path) -> None:
    with pytest.raises(CaptureError, match="triple: a lambda"):
        load(lambda_file)
    assert load(lambda_file, trust=True).run([np.ones((1, 3), "float32")])[0].tolist() == [[3, 3, 3]]


# --- subclassed models


def subclass(keras: Any, body: Any) -> Any:
    class Mine(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(2, name="dense")

        call = body

    return Mine()


def test_an_unbuilt_model_asks_for_an_example(keras: Any) -> None:
    model = subclass(keras, lambda self, x: self.dense(x))
    with pytest.raises(CaptureError, match="is not built") as error:
        load(model)
    assert "call it once" in str(error.value.hint)
    source = load(model, example=np.zeros((2, 3)))
    assert source.inputs == [Spec("x", "float32", (None, 3))]
    found = trace_model(source, needs_ops=True)
    kernel, _ = (found.constant_of(inner) for _, inner in found.graph.captures)
    np.testing.assert_array_equal(kernel, model.dense.kernel.numpy())
    np.testing.assert_allclose(source.run([np.ones((1, 3), "float32")])[0][0], kernel.sum(0), rtol=1e-6)


def test_an_example_does_not_rename_a_functional_model(keras: Any, dense_file: Path) -> None:
    assert load(dense_file, example=np.zeros((5, 3))).inputs == [Spec("x", "float32", (None, 3))]


def test_a_called_model_knows_its_shapes(keras: Any) -> None:
    model = subclass(keras, lambda self, x: {"y": self.dense(x), "raw": x})
    model(np.zeros((2, 3), "float32"))
    source = load(model)
    assert source.inputs == [Spec("x", "float32", (None, 3))]
    assert [o.name for o in trace(source).outputs] == ["raw", "y"]


def test_several_arguments(keras: Any) -> None:
    model = subclass(keras, lambda self, a, b, training=False: (self.dense(a) + b, None, b))
    example = {"a": np.zeros((2, 3), "float32"), "b": np.zeros((2, 1), "float32")}
    model(**example)
    with pytest.raises(CaptureError, match="call also needs b"):
        load(model)
    source = load(model, example=example)
    assert source.inputs == [Spec("a", "float32", (None, 3)), Spec("b", "float32", (None, 1))]
    found = trace(source)
    assert ([o.name for o in found.outputs], found.output_structure) == (["output_0", "output_1"], [0, None, 1])
    a = np.ones((2, 3), "float32")
    b = np.full((2, 1), 5, "float32")
    np.testing.assert_allclose(source.run([a, b])[0], a @ model.dense.kernel.numpy() + 5, rtol=1e-6)


def test_an_example_of_a_dict_that_is_one_argument(keras: Any) -> None:
    model = subclass(keras, lambda self, inputs: self.dense(inputs["q"]) + inputs["p"][0])
    example = {"p": [np.zeros((1, 2), "float32")], "q": keras.Input((3,), batch_size=1)}
    source = load(model, example=example)
    assert source.inputs == [Spec("p_0", "float32", (None, 2)), Spec("q", "float32", (1, 3))]
    assert source.run([np.ones((1, 2), "float32"), np.zeros((1, 3), "float32")])[0].tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("make", "data", "dtype"),
    [
        (lambda keras: keras.layers.Embedding(5, 2), np.zeros((2, 3), "int32"), "int32"),
        (
            lambda keras: lambda x: keras.ops.take(np.eye(3, dtype="float32"), x, axis=0),
            np.zeros((2, 3), "int32"),
            "int32",
        ),
        (lambda keras: keras.layers.StringLookup(vocabulary=["a"]), np.array([["a", "b"]]), "string"),
        (lambda keras: keras.layers.Dense(2), np.zeros((2, 3), "float32"), "float32"),
    ],
)
def test_the_types_of_a_subclassed_model_are_found_out(keras: Any, make: Any, data: Any, dtype: str) -> None:
    class Mine(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first = make(keras)

        def call(self, x: Any) -> Any:
            return self.first(x)

    model = Mine()
    model(data)
    assert load(model).inputs == [Spec("x", dtype, (None, data.shape[1]))]
    assert load(model, example=data).inputs == [Spec("x", dtype, (None, data.shape[1]))]


def test_an_example_keeps_the_names_of_its_inputs(keras: Any) -> None:
    model = subclass(keras, lambda self, inputs: self.dense(inputs))
    assert load(model, example=keras.Input((3,), name="features")).inputs == [Spec("features", "float32", (None, 3))]
    assert load(model, example=keras.Input((3,))).inputs == [Spec("inputs", "float32", (None, 3))]


@pytest.mark.parametrize("example", [[], {}, object()])
def test_an_example_without_tensors_is_an_error(example: Any, keras: Any) -> None:
    model = subclass(keras, lambda self, x: self.dense(x))
    with pytest.raises(CaptureError, match=r"holds no tensor|is a object, no tensor"):
        load(model, example=example)
