"""A config read as data: which classes, functions and code it names, and where."""

from __future__ import annotations

from typing import Any

import pytest

from kexport.capture.sources.config import Reference, references, refuse_code, refuse_unknown
from kexport.errors import CaptureError


def layer(name: str, class_name: str, module: str | None = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "module": module, "registered_name": None, "config": {"name": name, **config}}


def model(*layers: Any, **top: Any) -> dict[str, Any]:
    return {**layer("m", "Functional", "keras", layers=list(layers)), **top}


def test_references_have_the_path_of_their_layer() -> None:
    activation = {"class_name": "function", "module": "mine", "config": "swoosh", "registered_name": "mine>swoosh"}
    policy = {"class_name": "DTypePolicy", "module": "keras", "config": {"name": "float32"}, "registered_name": None}
    inner = layer(
        "block", "Sequential", "keras", layers=[layer("odd", "Odd", "mine", activation=activation, dtype=policy)]
    )
    assert references(model(inner)) == [
        Reference("", "class", "Functional", "keras"),
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
        layer("l", "Lambda", None, function="f", function_type="function", output_shape_type="lambda"),
    ],
)
def test_a_lambda_is_refused_by_layer(config: dict[str, Any]) -> None:
    with pytest.raises(CaptureError, match=r"carries code .*:\n  l: a lambda") as error:
        refuse_code(references(model(config)), "m.keras")
    assert error.value.where == "m.keras"
    assert "--trust" in str(error.value.hint)


@pytest.mark.parametrize(
    "name", ["io.write_file", "py_function", "raw_ops.PyFunc", "compat.v1.py_func", "nn.py_function"]
)
def test_tensorflow_functions_that_are_no_math_are_refused(name: str) -> None:
    with pytest.raises(CaptureError, match=f"  l: tf {name}"):
        refuse_code(references(model(layer("l", "TFOpLambda", None, function=name))), "m.h5")


@pytest.mark.parametrize("name", ["math.add", "__operators__.getitem", "reshape", "compat.v1.transpose", "nn.relu"])
def test_tensorflow_math_is_allowed(name: str) -> None:
    found = references(model(layer("l", "TFOpLambda", None, function=name)))
    refuse_code(found, "m.h5")
    assert Reference("l", "tf", name) in found


def test_unknown_classes_are_named_all_at_once() -> None:
    found = references(model(layer("a", "Odd", "mine"), layer("b", "Odder", None), layer("c", "Dense")))
    with pytest.raises(CaptureError) as error:
        refuse_unknown(found, lambda r: r.module in ("keras", "keras.layers"), "m.keras", "note")
    assert "  a: class Odd of mine\n  b: class Odder" in error.value.what
    assert "Dense" not in error.value.what
    assert "--custom MODULE" in str(error.value.hint)


def test_an_unknown_class_of_keras_itself_is_a_question_of_versions() -> None:
    found = references(model(layer("a", "Newest")))
    with pytest.raises(CaptureError) as error:
        refuse_unknown(found, lambda r: r.name != "Newest", "m.keras", "the file was written by Keras 9")
    assert error.value.hint == "the file was written by Keras 9; install that version"
