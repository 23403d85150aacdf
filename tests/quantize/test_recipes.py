"""Recipes: which rule counts, what files say, what is written back, and errors with what was meant."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kexport import ops
from kexport.errors import ConfigError
from kexport.evidence.plain import canonical_json
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.quantize.recipes.presets import PRESETS
from kexport.quantize.recipes.read import find_recipe, recipe_text
from kexport.quantize.recipes.recipe import LayerRule, Recipe
from kexport.quantize.recipes.scheme import SCHEMES, find_scheme

LAYERS = ("encoder/block_1/query", "encoder/block_1/norm", "encoder/block_2/norm", "head")


def graph() -> Graph:
    made = Graph("g")
    value = made.input("tokens", TensorType(DType.F32, (symbol("batch"), 4)))
    for layer in LAYERS:
        value = made.add(ops.Dense(), value, made.constant(np.eye(4, dtype=np.float32)), origin=layer).output
        value = made.add(ops.Relu(), value, origin=layer).output
    made.output("scores", value)
    return made


def schemes(recipe: Recipe) -> dict[tuple[str, str], str]:
    return {(n.origin, n.op.name): recipe.scheme_of(n).name for n in graph().nodes}


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", [n for n in SCHEMES if n != "float32"])
def test_every_preset_is_for_all_layers(name: str) -> None:
    recipe = find_recipe(name)
    recipe.check(graph())
    assert set(schemes(recipe).values()) == {name}
    assert recipe.needs_data == (name in ("int8", "int16x8"))


def test_the_last_rule_that_fits_counts(tmp_path: Path) -> None:
    text = """
        base = "int8"
        [[rule]]
        layer = "encoder"
        scheme = "int16x8"
        [[rule]]
        layer = "encoder/*/norm"
        op = "dense"
        scheme = "float32"
    """
    recipe = find_recipe(written(tmp_path, text))
    recipe.check(graph())
    found = schemes(recipe)
    assert found["head", "dense"] == "int8"
    assert found["encoder/block_1/query", "dense"] == "int16x8"
    assert found["encoder/block_2/norm", "dense"] == "float32"
    assert found["encoder/block_2/norm", "relu"] == "int16x8"


def test_a_name_is_no_beginning_of_others() -> None:
    rule = LayerRule("encoder/block_1", "*", "int8")
    assert rule.fits("encoder/block_1/norm", "add")
    assert not rule.fits("encoder/block_10/norm", "add")


def test_types_of_inputs_and_outputs(tmp_path: Path) -> None:
    recipe = find_recipe("int8", io="int8")
    assert (recipe.io_of("tokens"), recipe.io_of("scores")) == ("int8", "int8")
    recipe = find_recipe(written(tmp_path, 'base = "int8"\n[io]\ntokens = "uint8"\n'))
    assert (recipe.io_of("tokens"), recipe.io_of("scores")) == ("uint8", "float32")
    assert find_recipe("int8").io_of("tokens") == "float32"


def test_what_is_written_reads_as_the_same(tmp_path: Path) -> None:
    rules = (LayerRule("*", "*", "int8"), LayerRule('odd "name" \\ ü\n\x7f', "mat_*", "float16"))
    recipe = Recipe("mine", rules, (("a b", "uint8"),), "percentile:99.9", "minmax")
    again = find_recipe(written(tmp_path, recipe_text(recipe, ["agreement 99.6 %"])))
    assert again == recipe
    assert Recipe.from_json(json.loads(canonical_json(recipe.to_json()))) == recipe


def test_the_digest_is_of_what_is_decided() -> None:
    a = PRESETS["int8"]
    b = Recipe("other", PRESETS["int8"].rules)
    assert a.digest == b.digest
    assert a.digest != Recipe("int8", a.rules, ranges="mse").digest
    assert len({p.digest for p in PRESETS.values()}) == len(PRESETS)


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ('base = "int9"', "there is no preset 'int9'", "did you mean 'int8'"),
        ('bas = "int8"', "there is no setting 'bas'", "did you mean 'base'"),
        ("", "has no rules", 'base = "int8"'),
        ("base = 8", "'base' is 8, not a name", 'base = "..."'),
        ("base = ", "cannot be read", "README"),
        ('[rule]\nscheme = "int8"', "'rule' is no list of tables", "[[rule]]"),
        ('[[rule]]\nlayer = "a"', "the rule has no scheme", 'scheme = "int8"'),
        ('[[rule]]\nscheme = "int8-wieghts"', "there is no scheme 'int8-wieghts'", "did you mean 'int8-weights'"),
        ('[[rule]]\nscheme = "int8"\nops = "add"', "there is no setting 'ops'", "did you mean 'op'"),
        ('[[rule]]\nscheme = "int8"\nlayer = ""', "'layer' is '', not a name", "layer ="),
        ('base = "int8"\nio = "int7"', "cannot be 'int7' outside", "did you mean"),
        ('base = "int8"\nio = 8', "'io' is neither", "a table of names"),
        ('base = "int8"\nranges = "max"', "there is no rule 'max'", "minmax"),
        ('base = "int8"\nweights = "percentile:1"', "is no percentage", "percentile:99.9"),
    ],
)
def test_files_that_make_no_sense_are_said(tmp_path: Path, text: str, words: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        find_recipe(written(tmp_path, text))
    assert hint in str(caught.value.hint)
    assert "mine" in str(caught.value.where)


@pytest.mark.parametrize(
    ("rule", "words", "hint"),
    [
        (LayerRule("heads", "*", "int8"), "there is no layer 'heads'", "did you mean 'head'"),
        (LayerRule("encoder/block1", "*", "int8"), "there is no layer", "encoder/block_1"),
        (LayerRule("*", "danse", "int8"), "there is no op 'danse'", "did you mean 'dense'"),
    ],
)
def test_rules_about_nothing_are_said(rule: LayerRule, words: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        Recipe("mine", (rule,)).check(graph())
    assert hint in str(caught.value.hint)


def test_names_of_no_input_are_said() -> None:
    with pytest.raises(ConfigError, match="no input or output 'token'") as caught:
        find_recipe("int8", io={"token": "int8"}).check(graph())
    assert "did you mean 'tokens'" in str(caught.value.hint)


def test_what_is_no_recipe_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no recipe 'int-8'") as caught:
        find_recipe("int-8")
    assert "did you mean 'int8'" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="there is no such recipe"):
        find_recipe(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="there is no scheme 8"):
        find_scheme(8)


def test_schemes_say_what_they_are() -> None:
    names = ("float32", "int8", "int4-weights", "lut-6", "uint16-weights")
    assert [SCHEMES[n].bits for n in names] == [32, 8, 4, 6, 16]
    assert [n for n, s in SCHEMES.items() if s.is_float] == ["float32", "float16"]
