"""What each target holds of each scheme, and how what it does not hold is said."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from kexport.quantize.recipes.explain import LayerPlan, explain, stored_bytes, substitutes
from kexport.quantize.recipes.presets import PRESETS
from kexport.quantize.recipes.read import find_recipe
from kexport.quantize.recipes.recipe import LayerRule, Recipe
from kexport.quantize.recipes.scheme import SCHEMES
from kexport.target import Target, targets
from tests.quantize.test_recipes import graph
from tests.toy import ToyTarget

TARGETS = sorted(targets())


def plans(recipe: Recipe | str, target: str, **options: Any) -> list[LayerPlan]:
    found = targets()[target]
    return explain(graph(), find_recipe(recipe), found, dataclasses.replace(found.options(), **options))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("target", TARGETS)
def test_every_scheme_has_an_answer_and_a_reason(target: str, scheme: str) -> None:
    found = targets()[target]
    for op in ("dense", "conv", "depthwise_conv", "gather", "lstm"):
        held = found.holds(scheme, op, found.options())
        assert held.scheme in SCHEMES
        assert bool(held.because) == (held.scheme != scheme)
        again = found.holds(held.scheme, op, found.options())
        assert again.scheme == held.scheme, "what it gets instead is held"
        assert SCHEMES[held.scheme].bits <= 32


@pytest.mark.parametrize("target", TARGETS)
def test_float32_is_float32_everywhere(target: str) -> None:
    assert {p.held for p in plans(Recipe("none", ()), target)} == {"float32"}


@pytest.mark.parametrize(
    ("target", "recipe", "held", "words"),
    [
        ("tfjs", "int8", "uint8-weights", "computes in floats alone"),
        ("savedmodel", "int8", "int8-weights", "floats alone"),
        ("onnx", "lut-4", "int4-weights", "no palettes"),
        ("tflite", "uint8-weights", "int8-weights", "signed weights"),
        ("coreml", "int8", "int8-weights", "iOS 17"),
    ],
)
def test_what_a_target_does_not_hold_is_said(target: str, recipe: str, held: str, words: str) -> None:
    found = plans(recipe, target)
    assert {p.held for p in found} == {held}
    (sentence,) = substitutes(found)
    assert sentence.startswith(f"{target}: {held} instead of {recipe} for encoder/block_1/query, ")
    assert "and 1 more" in sentence
    assert words in sentence


@pytest.mark.parametrize(
    ("ios", "held"), [("ios15", "float16"), ("ios16", "lut-4"), ("ios17", "lut-4"), ("ios18", "int4-weights")]
)
def test_systems_of_apple_hold_more_and_more(ios: str, held: str) -> None:
    assert {p.held for p in plans("int4-weights", "coreml", deployment=ios)} == {held}


def test_ops_decide_too() -> None:
    tflite = targets()["tflite"]
    assert tflite.holds("int4-weights", "dense", None).scheme == "int4-weights"
    assert tflite.holds("int4-weights", "conv", None).scheme == "int8-weights"
    assert targets()["onnx"].holds("int8-dynamic", "depthwise_conv", None).scheme == "int8-weights"


def test_a_plan_names_layers_and_weights() -> None:
    rules = (*PRESETS["int8"].rules, LayerRule("head", "*", "float32"))
    found = plans(Recipe("mine", rules), "onnx")
    assert [(p.layer, p.op, p.held, p.weights) for p in found][-2:] == [
        ("encoder/block_2/norm", "dense", "int8", 16),
        ("head", "dense", "float32", 16),
    ]
    assert substitutes(found) == []
    assert stored_bytes(found) == 3 * 16 + 16 * 4


def test_a_target_without_schemes_keeps_floats() -> None:
    found = explain(graph(), PRESETS["int8"], ToyTarget(), None)
    assert isinstance(ToyTarget(), Target)
    assert substitutes(found) == [
        "toy: float32 instead of int8 for encoder/block_1/query, encoder/block_1/norm, encoder/block_2/norm and 1 "
        "more: the format has nothing like it"
    ]
