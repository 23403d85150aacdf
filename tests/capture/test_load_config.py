"""A config read as data: which classes, functions and code it names, and where."""

from __future__ import annotations

from typing import Any

import pytest

from kexport.capture.sources.config import Reference, references
from kexport.capture.sources.guard import refuse
from kexport.capture.sources.judge2 import keras2_judge
from kexport.errors import CaptureError

HOME = "keras.src.engine.functional"


def layer(name: str, class_name: str, module: str | None = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "module": module, "registered_name": None, "config": {"name": name, **config}}


def model(*layers: Any, **top: Any) -> dict[str, Any]:
    return {**layer("m", "Functional", HOME, layers=list(layers)), **top}


def test_references_have_the_path_of_their_layer() -> None:
    activation = {"class_name": "function", "module": "mine", "config": "swoosh", "registered_name": "mine>swoosh"}
    policy = {"class_name": "DTypePolicy", "module": "keras", "config": {"name": "float32"}, "registered_name": None}
    inner = layer(
        "block", "Sequential", "keras", layers=[layer("odd", "Odd", "mine", activation=activation, dtype=policy)]
    )
    assert references(model(inner)) == [
        Reference("", "class", "Functional", HOME),
        Reference("block", "class", "Sequential", "keras"),
        Reference("block/odd", "class", "Odd", "mine"),
        Reference("block/odd", "function", "swoosh", "mine", "mine>swoosh"),
        Reference("block/odd", "class", "DTypePolicy", "keras"),
    ]


def test_the_models_own_compile_settings_are_not_needed() -> None:
    assert references(model(compile_config={"loss": {"class_name": "Mine", "config": {}}})) == references(model())


@pytest.mark.parametrize(
    "config",
    [
        layer("l", "Lambda", function={"class_name": "__lambda__", "config": {"code": "4wEA"}}),
        layer("l", "Lambda", None, function=["4wEA", None, None], function_type="lambda"),
        layer("l", "Lambda", None, function="relu", function_type="raw", output_shape_type="lambda"),
        layer("l", "ResidualWrapper", None, residual_fn=["4wEA", None, None], residual_fn_type="lambda"),
    ],
)
def test_a_lambda_is_refused_by_layer(config: dict[str, Any]) -> None:
    with pytest.raises(CaptureError, match=r"carries code .*:\n  l: a lambda") as error:
        refuse(references(model(config)), keras2_judge(()), "m.keras", "note")
    assert error.value.where == "m.keras"
    assert "--trust" in str(error.value.hint)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("io.write_file", "reads or writes files"),
        ("py_function", "runs a function that it is given"),
        ("raw_ops.PyFunc", "is not what Keras writes for an operation"),
        ("compat.v1.py_func", "runs a function that it is given"),
        ("keras.utils.get_file", "reads or writes files"),
    ],
)
@pytest.mark.parametrize("kind", ["TFOpLambda", "SlicingOpLambda"])
def test_tensorflow_functions_that_are_no_math_are_refused(kind: str, name: str, reason: str) -> None:
    with pytest.raises(CaptureError, match=rf"  l: tf {name} \({reason}\)"):
        refuse(references(model(layer("l", kind, None, function=name))), keras2_judge(()), "m.h5", "note")


@pytest.mark.parametrize("name", ["nn.py_function", "os.system", "math", "None", "math.add.__globals__"])
def test_names_of_nothing_are_refused(name: str) -> None:
    with pytest.raises(CaptureError) as error:
        refuse(references(model(layer("l", "TFOpLambda", None, function=name))), keras2_judge(()), "m.h5", "note")
    assert f"  l: tf {name}" in error.value.what


@pytest.mark.parametrize("name", ["math.add", "__operators__.getitem", "reshape", "compat.v1.transpose", "nn.relu"])
def test_tensorflow_math_is_allowed(name: str) -> None:
    found = references(model(layer("l", "TFOpLambda", None, function=name)))
    refuse(found, keras2_judge(()), "m.h5", "note")
    assert Reference("l", "tf", name) in found


def test_all_obstacles_are_named_at_once() -> None:
    found = references(
        model(layer("a", "Odd", "mine"), layer("b", "TFOpLambda", None, function="print"), layer("c", "Dense"))
    )
    with pytest.raises(CaptureError) as error:
        refuse(found, keras2_judge(()), "m.keras", "note")
    assert "part of a model:\n  b: tf print (prints, reads or writes)\nthe model" in error.value.what
    assert "does not have:\n  a: class Odd of mine" in error.value.what
    assert "Dense" not in error.value.what
    assert "--trust" in str(error.value.hint)
    assert "--custom MODULE" in str(error.value.hint)
    with pytest.raises(CaptureError) as trusted:
        refuse(found, keras2_judge(()), "m.keras", "note", trust=True)
    assert "print" not in trusted.value.what


def test_a_long_list_is_cut() -> None:
    found = [Reference(f"l{i}", "class", "Odd" * 200, "mine") for i in range(100)]
    with pytest.raises(CaptureError) as error:
        refuse(found, keras2_judge(()), "m.keras", "note")
    assert error.value.what.endswith("\n  and 80 more")
    assert len(error.value.what) < 8000


def test_an_unknown_class_of_keras_itself_is_a_question_of_versions() -> None:
    found = references(model(layer("a", "Newest")))
    with pytest.raises(CaptureError) as error:
        refuse(found, keras2_judge(()), "m.keras", "the file was written by Keras 9")
    assert error.value.hint == "the file was written by Keras 9; install that version"


def test_names_and_files_by_text_belong_to_their_class() -> None:
    cell = {"class_name": "LSTMCell", "config": {"recurrent_activation": "tanh"}}
    found = references(model(layer("l", "RNN", cell=cell), layer("s", "StringLookup", vocabulary="words.txt")))
    assert Reference("l", "option", "tanh", "activation", owner="LSTMCell") in found
    assert Reference("s", "file", "words.txt", "vocabulary", owner="StringLookup") in found


def test_a_constant_within_the_config_is_read_too() -> None:
    text = '{"class_name": "CompositeTensor", "spec": {"class_name": "TypeSpec", "type_spec": "tf.Odd"}}'
    node = ["_CONSTANT_VALUE", -1, [{"_TYPE": "COMPOSITE"}, text]]
    found = references(model({**layer("l", "Add"), "inbound_nodes": [[node]]}))
    assert Reference("l", "typespec", "tf.Odd") in found
    with pytest.raises(CaptureError, match="a constant is no JSON"):
        references([{"_TYPE": "COMPOSITE"}, "{"])
