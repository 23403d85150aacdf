"""Budgets and the search for layers that need more bits, with a quantizer that rounds weights."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from kexport import ops
from kexport.errors import ConfigError
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.quantize.mixed.budget import Budget
from kexport.quantize.mixed.loss import Loss, loss_of, outputs_of
from kexport.quantize.mixed.search import fit_budget, size_of, units
from kexport.quantize.recipes.presets import PRESETS
from kexport.quantize.recipes.read import find_recipe
from kexport.quantize.recipes.recipe import Recipe
from kexport.quantize.statistics import engine

RNG = np.random.default_rng(5)
FRAGILE = ("block [1]/b", "head")


@pytest.fixture(autouse=True)
def evaluator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small graphs need no engine."""
    monkeypatch.setattr(engine, "targets", dict)


def graph() -> Graph:
    """Five dense layers, two of which have an outlier among their weights."""
    made = Graph("g")
    value = made.input("x", TensorType(DType.F32, (symbol("batch"), 16)))
    for layer in ("a", *FRAGILE[:1], "c", "d", *FRAGILE[1:]):
        kernel = RNG.standard_normal((16, 16)).astype(np.float32) / 4
        if layer in FRAGILE:
            kernel[0, 0] = 40
        value = made.add(ops.Dense("tanh"), value, made.constant(kernel), origin=layer).output
    made.output("scores", value)
    return made


def rounded(graph: Graph, recipe: Recipe) -> Graph:
    """The graph with weights rounded to as many bits as their scheme has, with one scale for all."""
    copy = graph.copy()
    for node in copy.nodes:
        bits = recipe.scheme_of(node).bits
        kernel = node.inputs[1].data
        assert kernel is not None
        if bits < 32:
            step = np.float32(np.abs(kernel).max() / (2 ** (bits - 1) - 1))
            copy.set_operand(node, 1, copy.constant(np.round(kernel / step) * step))
    return copy


BATCHES = [{"x": RNG.standard_normal((64, 16)).astype(np.float32)} for _ in range(3)]
INT8 = PRESETS["int8-weights"]


def test_a_budget_that_is_met_changes_nothing() -> None:
    found = fit_budget(graph(), INT8, Budget(snr=1), rounded, BATCHES)
    assert found.recipe is INT8 or found.recipe == INT8
    assert found.layers == ()
    assert found.size == pytest.approx(0.25)


def test_the_layers_that_need_it_get_more_bits(tmp_path: Path) -> None:
    model = graph()
    told: list[tuple[int, int]] = []
    found = fit_budget(model, INT8, Budget(snr=25), rounded, BATCHES, tell=lambda *a: told.append(a))
    assert set(found.layers) == set(FRAGILE)
    assert found.loss.snr >= 25
    assert found.size == pytest.approx(0.25 + 0.75 * 2 / 5)
    assert {s.layer for s in found.sensitivities[:2]} == set(FRAGILE)
    assert told[-1] == (5, 5)
    path = tmp_path / "mixed.toml"
    path.write_text(found.text(), encoding="utf-8")
    again = find_recipe(path)
    again.check(model)
    expected = outputs_of(model, BATCHES)
    assert loss_of(expected, outputs_of(rounded(model, again), BATCHES)) == found.loss
    assert "% of the float size" in found.text()


def test_the_fallback_may_be_another_scheme() -> None:
    found = fit_budget(graph(), INT8, Budget(snr=25), rounded, BATCHES, fallback="float16")
    assert set(found.layers) == set(FRAGILE)
    assert found.size == pytest.approx(0.25 + 0.25 * 2 / 5)


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (Budget(snr=190), "the best that was found is"),
        (Budget(snr=25, size=0.3), "at 25 % of the float size, with 0 layers"),
        (Budget(snr=1, size=0.1), "at 25 % of the float size"),
    ],
)
def test_a_budget_that_cannot_be_met_says_what_the_best_is(budget: Budget, words: str) -> None:
    def worse(model: Graph, recipe: Recipe) -> Graph:
        found = rounded(model, recipe)
        first = next(iter(found.nodes))
        assert first.inputs[1].data is not None
        found.set_operand(first, 1, found.constant(first.inputs[1].data * np.float32(1 + 1e-4)))
        return found

    with pytest.raises(ConfigError, match="cannot be met") as caught:
        fit_budget(graph(), INT8, budget, worse, BATCHES)
    assert words in caught.value.what
    assert "SNR" in caught.value.what
    assert caught.value.hint


def test_what_follows_a_layer_goes_with_it() -> None:
    made = Graph("g")
    x = made.input("x", TensorType(DType.F32, (symbol("batch"), 4)))
    kernel = made.constant(np.eye(4, dtype=np.float32))
    value = made.add(ops.Neg(), x, origin="before").output
    for layer in ("a", "b"):
        value = made.add(ops.Dense(), value, kernel, origin=layer).output
        value = made.add(ops.Relu(), value, origin=layer).output
        value = made.add(ops.Relu6(), value, origin=f"{layer}_six").output
    made.output("y", made.add(ops.Add(), value, x, origin="sum").output)
    assert units(made) == {"a": ["a", "a_six", "before"], "b": ["b", "b_six", "sum"]}
    bare = Graph("g")
    y = bare.input("x", TensorType(DType.F32, (symbol("batch"), 4)))
    bare.output("y", bare.add(ops.Neg(), bare.add(ops.Relu(), y, origin="r").output, origin="n").output)
    assert units(bare) == {"r": ["r", "n"]}


def test_agreement_without_classes_is_said() -> None:
    made = Graph("g")
    x = made.input("x", TensorType(DType.F32, (symbol("batch"), 16)))
    kernel = made.constant(np.ones((16, 1), np.float32))
    made.output("y", made.add(ops.Dense(), x, kernel, origin="fc").output)
    with pytest.raises(ConfigError, match="no output has classes"):
        fit_budget(made, INT8, Budget(agreement=0.9), rounded, BATCHES)


def test_sizes_count_what_is_stored() -> None:
    model = graph()
    assert size_of(model, Recipe("none", ())) == 1
    assert size_of(model, PRESETS["int4-weights"]) == pytest.approx(0.125)


def test_losses_are_those_of_the_worst_output() -> None:
    a = [{"p": np.array([[1.0, 0.0], [0.0, 1.0]]), "q": np.ones((2, 1))}]
    b = [{"p": np.array([[0.9, 0.0], [0.6, 0.5]]), "q": np.ones((2, 1))}]
    found = loss_of(a, b)
    assert found.agreement == 0.5
    assert found.noise == pytest.approx((0.01 + 0.36 + 0.25) / 2)
    broken = [{"p": np.array([[np.nan, 0.0], [0.6, 0.5]]), "q": np.ones((2, 1))}]
    assert loss_of(a, broken).snr == -math.inf
    assert loss_of(a, a) == Loss(0.0, 1.0)
    assert str(loss_of(a, a)) == "agreement 100.00 %, SNR inf dB"


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("agreement>=99.5%, size<=30%", Budget(0.995, None, 0.3)),
        ("snr >= 30dB", Budget(None, 30)),
        ("SNR>30", Budget(None, 30)),
        ("agreement≥0.99", Budget(0.99)),
    ],
)
def test_budgets_are_read_as_people_write_them(text: str, budget: Budget) -> None:
    assert Budget.parse(text) == budget
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the budget is empty"),
        ("small", "'small' is no term"),
        ("agrement>=99%", "cannot be about 'agrement'"),
        ("agreement<=99%", "write agreement>=99%"),
        ("size>=30%", "write size<=30%"),
        ("size=30%", "write size<=30%"),
        ("agreement>=99.5", "a part of all"),
        ("agreement>=0%", "a part of all"),
        ("size<=3dB", "a part of all"),
        ("snr>=30%", "an SNR is 0 to 200 dB"),
        ("snr>=1.2.3", "has no number"),
        ("snr>=30, snr>=40", "has 'snr' twice"),
    ],
)
def test_budgets_that_make_no_sense_are_said(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        Budget.parse(text)
    assert "agreement>=99.5%, size<=30%" in str(caught.value.hint)
