"""Random numbers seen from outside: what depends on them, and whether they can be what they should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.locate.checkpoints import checkpoints
from kexport.verify.draws import draws_of, given, implausible, random_outputs

SIZE = 400


def graph() -> Graph:
    """An output that adds noise to the input, one that does not, and one that is noise alone."""
    g = Graph("g")
    x = g.input("x", TensorType(DType.F32, (SIZE,)))
    normal = g.add(ops.RandomNormal((SIZE,), 0), origin="normal").output
    uniform = g.add(ops.RandomUniform((SIZE,), 1), origin="uniform").output
    g.output("noisy", g.add(ops.Add(), x, normal, origin="noisy").output)
    g.output("plain", g.add(ops.Neg(), x, origin="plain").output)
    g.output("noise", g.add(ops.Neg(), uniform, origin="noise").output)
    return g


def test_outputs_that_depend_on_draws() -> None:
    assert random_outputs(graph()) == ("noisy", "noise")


def test_layers_are_compared_where_nothing_is_random() -> None:
    assert [p.name for p in checkpoints(graph())] == ["plain"]


def test_given_numbers_take_the_place_of_drawn_ones() -> None:
    x = np.full(SIZE, 2, np.float32)
    numbers = {"0": np.arange(SIZE), "1": np.zeros(SIZE)}
    found = evaluate(graph(), {"x": x}, observe=given(numbers))
    np.testing.assert_array_equal(found["noisy"], 2 + np.arange(SIZE))
    np.testing.assert_array_equal(found["noise"], np.zeros(SIZE))
    wide = evaluate(graph(), {"x": x}, wide=True, observe=given(numbers))
    assert wide["noisy"].dtype == np.float64


def runs(normal: Callable[[Any], Any], uniform: Callable[[Any], Any]) -> list[dict[str, Any]]:
    rng = np.random.default_rng(5)
    return [{"0": normal(rng), "1": uniform(rng)} for _ in range(4)]


def judged(normal: Any = None, uniform: Any = None) -> str:
    normal = normal or (lambda rng: rng.standard_normal(SIZE).astype(np.float32))
    uniform = uniform or (lambda rng: rng.random(SIZE, np.float32))
    return implausible(draws_of(graph()), runs(normal, uniform))


def test_good_numbers_pass() -> None:
    assert judged() == ""
    assert judged(lambda rng: rng.standard_normal(SIZE).astype(np.float16)) == ""


@pytest.mark.parametrize(
    ("normal", "uniform", "why"),
    [
        (lambda rng: rng.standard_normal(SIZE) + 0.3, None, "normal: 1600 numbers that it drew are not"),
        (lambda rng: rng.standard_normal(SIZE) * 2, None, "normal: 1600 numbers"),
        (lambda rng: rng.random(SIZE), None, "normal: 1600 numbers"),
        (lambda rng: np.zeros(SIZE), None, "normal: 1600 numbers"),
        (None, lambda rng: rng.random(SIZE) * 1.2, "uniform: 1600 numbers"),
        (None, lambda rng: rng.random(SIZE) ** 1.3, "uniform: 1600 numbers"),
        (None, lambda rng: np.random.default_rng(1).random(SIZE), "uniform: it draws the same numbers again and again"),
    ],
)
def test_other_numbers_do_not(normal: Any, uniform: Any, why: str) -> None:
    assert judged(normal, uniform).startswith(why)
