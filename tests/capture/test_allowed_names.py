"""The lists of what a model file may name, held against what is installed: every public name is on one of them."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from kexport.capture.sources.allowed.keras2 import CLASSES, OPTIONS, REFUSED_CLASSES, home_of, is_known_by_name
from kexport.capture.sources.allowed.keras3 import EXCEPT
from kexport.capture.sources.allowed.refused import REFUSED, why_refused
from kexport.capture.sources.allowed.tensorflow import ATTRIBUTES, CLASS_METHODS, TYPE_SPECS, is_pure
from kexport.capture.sources.config import Reference
from kexport.capture.sources.guard import Verdict
from kexport.capture.sources.judge2 import keras2_judge
from kexport.capture.sources.judge3 import keras3_judge
from tests.capture.fresh_tensorflow import names

REFUSED_NAMES = {name for names in REFUSED_CLASSES for name in names.split()}
NEW = "new names: put each on a list in kexport/capture/sources/allowed, with what is allowed or with what is refused"


@pytest.fixture(scope="module")
def public(tf_keras: Any) -> dict[str, Any]:
    """Every public name of TensorFlow and tf_keras by which a config can refer to a function."""
    from tensorflow.python.util import tf_export

    return dict(tf_export._NAME_TO_SYMBOL_MAPPING)


def test_every_function_of_tensorflow_is_allowed_or_refused() -> None:
    functions, _ = names()
    assert len(functions) > 5000
    assert [name for name in functions if not is_pure(name) and why_refused(name) is None] == [], NEW


def test_no_class_is_a_function(public: dict[str, Any]) -> None:
    assert [name for name, value in public.items() if inspect.isclass(value) and is_pure(name)] == []


def test_no_function_is_on_both_lists() -> None:
    assert [name for names in REFUSED.values() for name in names.split() if is_pure(name)] == []


def test_every_class_that_keras_2_finds_by_name_is_allowed_or_refused(tf_keras: Any) -> None:
    from tf_keras.src import initializers
    from tf_keras.src.layers import serialization

    serialization.populate_deserializable_objects()
    named = {n for n, v in initializers.LOCAL.ALL_OBJECTS.items() if v.__name__ == n}
    found = {*serialization.LOCAL.ALL_OBJECTS, *named}
    assert sorted(n for n in found if not is_known_by_name(n) and n not in REFUSED_NAMES) == [], NEW


@pytest.mark.parametrize("home", ["initializers", "regularizers", "constraints", "activations"])
def test_every_public_name_is_an_option(tf_keras: Any, home: str) -> None:
    position = home.removesuffix("s")
    public = {n for n in vars(getattr(tf_keras, home)) if not n.startswith("_")}
    assert sorted(public - OPTIONS[position] - {"get", "serialize", "deserialize"}) == [], NEW


@pytest.mark.parametrize("home", sorted(CLASSES))
def test_every_public_class_of_an_allowed_module_has_a_verdict(public: dict[str, Any], home: str) -> None:
    judge = keras2_judge(())
    names = {n.rpartition(".")[2]: v for n, v in public.items() if n.rpartition(".")[0] == home}
    judged = {n: judge(Reference("", "class", n, home)) for n, v in names.items() if inspect.isclass(v)}
    refused = {n for n, verdict in judged.items() if verdict is not Verdict.ALLOWED}
    training = {"CosineDecay", "CosineDecayRestarts", "LossScaleOptimizer", "SidecarEvaluator"}
    assert sorted(refused - REFUSED_NAMES - training) == [], NEW


def test_what_is_allowed_exists(tf_keras: Any, public: dict[str, Any]) -> None:
    import tensorflow as tf

    assert all(hasattr(tf.RaggedTensor, name.partition(".")[2]) for name in CLASS_METHODS)
    assert all(any(hasattr(kind, name) for kind in (tf.RaggedTensor, tf.SparseTensor)) for name in ATTRIBUTES)
    assert all(hasattr(tf, name) for name in TYPE_SPECS)
    assert {f"{m}.{n}" for m, names in CLASSES.items() for n in names.split() if home_of(n, m) != m} == set()


@pytest.mark.parametrize("package", ["keras", "keras.src", "tf_keras", "tf_keras.src"])
def test_classes_inside_keras_2_have_one_home(package: str) -> None:
    assert home_of("Functional", f"{package}.engine.functional") == "tf_keras.src.engine.functional"
    assert home_of("Functional", f"{package}.engine.training") is None
    assert home_of("Functional", f"x{package}.engine.functional") is None


def test_every_layer_of_keras_3_is_allowed_but_those_that_run_what_they_load(keras: Any) -> None:
    judge = keras3_judge(keras, {})
    classes = [n for n, v in vars(keras.layers).items() if inspect.isclass(v) and n != "InputSpec"]
    judged = {n for n in classes if judge(Reference("", "class", n, "keras.layers")) is not Verdict.ALLOWED}
    assert judged == set(EXCEPT) & set(classes)


def test_every_operation_of_keras_3_is_allowed(keras: Any) -> None:
    from keras.src.ops import numpy
    from keras.src.ops.operation import Operation

    judge = keras3_judge(keras, {})
    classes = [n for n, v in vars(numpy).items() if inspect.isclass(v) and issubclass(v, Operation)]
    assert len(classes) > 100
    for name in classes:
        assert judge(Reference("", "class", name, "keras.src.ops.numpy", name)) is Verdict.ALLOWED


@pytest.mark.parametrize(
    "reference",
    [
        Reference("", "function", "get_file", "keras.utils"),
        Reference("", "function", "load_model", "keras.models"),
        Reference("", "function", "deserialize", "keras.activations"),
        Reference("", "function", "Layer", "keras.activations"),
        Reference("", "class", "FileEditor", "keras.saving"),
        Reference("", "class", "TFSMLayer", "keras.layers"),
        Reference("", "function", "system", "os"),
        Reference("", "class", "Popen", "subprocess"),
        Reference("", "file", "/etc/passwd", "vocabulary", owner="StringLookup"),
        Reference("", "tf", "io.write_file"),
        Reference("", "dtype", "U99999999"),
        Reference("", "file", "/etc/passwd", "vocabulary", owner="mine>Layer"),
        Reference("", "file", "gs://bucket/words", "proto", owner="mine>Layer"),
    ],
)
def test_keras_3_refuses_what_makes_no_tensors(keras: Any, reference: Reference) -> None:
    objects = {"mine>Layer": object, "mine>deserialize": len}
    assert keras3_judge(keras, objects)(reference) is not Verdict.ALLOWED


@pytest.mark.parametrize(
    "reference",
    [
        Reference("", "function", "relu", "builtins", "relu"),
        Reference("", "function", "gelu", "keras.activations"),
        Reference("", "function", "sin", "keras.ops"),
        Reference("", "class", "DTypePolicyMap", "keras.dtype_policies"),
        Reference("", "class", "Functional", "keras.src.models.functional", "Functional"),
        Reference("", "class", "Adam", "keras.optimizers"),
        *(Reference("", "dtype", name) for name in ("float32", "bfloat16", "float8_e4m3fn", "bool", "string", "str96")),
        Reference("", "class", "mine>Layer", "mine", "mine>Layer"),
        Reference("", "file", "a text", "vocabulary", owner="mine>Layer"),
        Reference("", "file", "\x00", "vocabulary", owner="mine>Layer"),
    ],
)
def test_keras_3_knows_what_models_are_made_of(keras: Any, reference: Reference) -> None:
    assert keras3_judge(keras, {"mine>Layer": object})(reference) is Verdict.ALLOWED
