"""The audit says what is wrong, names the layers and what to do, and is silent where nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.types import DType, TensorType
from kexport.quantize.audit.audit import audit
from kexport.quantize.audit.finding import Finding, listed
from kexport.quantize.statistics import engine
from kexport.quantize.statistics.observing import observe

RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def evaluator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small graphs need no engine."""
    monkeypatch.setattr(engine, "targets", dict)


class Rows:
    """An array as a source."""

    digest = ""

    def __init__(self, array: Array):
        self.array = array
        self.samples = len(array)

    def batches(self, rows: int) -> Iterator[tuple[Mapping[str, Array], int]]:
        yield {"x": self.array}, len(self.array)


def normal(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def dense(width: int = 16, kernel: Array | None = None, relu: bool = False, bias: Array | None = None) -> Graph:
    """An input of four numbers and a dense layer."""
    graph = Graph("g")
    x = graph.input("x", TensorType(DType.F32, (symbol("batch"), 4)))
    kernel = normal(4, width) if kernel is None else kernel
    bias = np.zeros(kernel.shape[1], np.float32) if bias is None else bias
    made = graph.add(ops.Dense("relu" if relu else None), x, graph.constant(kernel), graph.constant(bias), origin="fc")
    graph.output("y", made.output)
    return graph


def image(scaling: float | None = None) -> Graph:
    graph = Graph("g")
    x = graph.input("x", TensorType(DType.F32, (symbol("batch"), 6, 6, 3)))
    value = x if scaling is None else graph.add(ops.Mul(), x, graph.constant(np.float32(scaling)), origin="s").output
    kernel = graph.constant(normal(1, 1, 3, 4))
    conv = graph.add(ops.Conv((1, 1), "valid", (1, 1)), value, kernel, origin="conv").output
    graph.output("y", conv)
    return graph


def findings(graph: Graph, array: Array, **more: Any) -> dict[str, Finding]:
    found = audit(graph, observe(graph, Rows(array.astype(np.float32))), **more)
    assert all(f.what and f.hint and str(f).count("\n") == 1 for f in found)
    return {f.kind: f for f in found}


def test_good_data_and_good_models_are_silent() -> None:
    assert findings(dense(), normal(200, 4)) == {}
    assert findings(dense(relu=True), normal(200, 4)) == {}
    assert findings(image(1 / 255), RNG.uniform(0, 255, (100, 6, 6, 3))) == {}
    assert findings(image(), RNG.uniform(0, 1, (100, 6, 6, 3))) == {}


@pytest.mark.parametrize("count", [1, 31])
def test_few_samples(count: int) -> None:
    assert f"{count} sample" in findings(dense(), normal(count, 4))["few samples"].what
    assert "few samples" not in findings(dense(), normal(32, 4))


def test_inputs_that_say_nothing() -> None:
    assert "is 3 in all" in findings(dense(), np.full((40, 4), 3))["constant input"].what
    found = findings(dense(), -np.abs(normal(40, 4)))["no positive input"]
    assert found.where == ("x",)
    assert "is never above 0" in found.what


def test_pixels_that_are_scaled_twice_or_not_at_all() -> None:
    small = RNG.uniform(0, 1, (40, 6, 6, 3))
    large = RNG.uniform(0, 255, (40, 6, 6, 3))
    assert "scaled twice" in findings(image(1 / 255), small)["scaled twice"].what
    assert "x / 255" in findings(image(), large)["not scaled"].hint


@pytest.mark.parametrize(("factor", "offset"), [(1 / 300, 0), (100, 0), (1, 40000)])
def test_data_that_a_normalization_was_not_adapted_to(factor: float, offset: float) -> None:
    graph = Graph("g")
    x = graph.input("x", TensorType(DType.F32, (symbol("batch"), 4)))
    centered = graph.add(ops.Sub(), x, graph.constant(np.full((1, 4), 5000, np.float32)), origin="norm").output
    scaled = graph.add(ops.Div(), centered, graph.constant(np.full((1, 4), 300, np.float32)), origin="norm").output
    graph.output("y", scaled)
    right = normal(50, 4) * 300 + 5000
    assert findings(graph, right) == {}
    assert "was adapted to mean 5e+03" in findings(graph, right * factor + offset)["not normalized"].what


def test_dead_channels_and_constant_outputs() -> None:
    bias = np.array([-99] * 3 + [0] * 13, np.float32)
    found = findings(dense(relu=True, bias=bias), normal(100, 4))
    assert "3 of 16 channels of 'fc' are 0" in found["dead channels"].what
    found = findings(dense(kernel=np.zeros((4, 2), np.float32), bias=np.full(2, 7, np.float32)), normal(50, 4))
    assert "output 'y' is 7" in found["constant output"].what


def test_what_no_data_goes_into_says_nothing() -> None:
    graph = dense()
    zeros = graph.add(ops.Full((symbol("batch"), 16), 0.0, DType.F32), origin="state").output
    value = graph.outputs[0].value
    graph.keep_outputs(())
    graph.output("y", graph.add(ops.Add(), value, zeros, origin="sum").output)
    assert findings(graph, normal(100, 4)) == {}


def test_numbers_that_are_not_finite() -> None:
    graph = Graph("g")
    x = graph.input("x", TensorType(DType.F32, (symbol("batch"), 4)))
    graph.output("y", graph.add(ops.Log(), x, origin="log").output)
    assert findings(graph, normal(50, 4))["not finite"].where == ("log",)


def test_outliers_of_activations() -> None:
    data = normal(400, 4)
    data[::7] *= 30_000 * np.abs(normal(len(data[::7]), 1)) ** 3
    data = np.concatenate([data, normal(200_000, 4)])
    found = findings(dense(), data)["outliers"]
    assert "fc" in found.where
    assert "int16x8" in found.hint


def test_channels_that_are_left_no_bits() -> None:
    kernel = normal(4, 16)
    kernel[:, 5:] /= 3000
    found = findings(dense(kernel=kernel), normal(300, 4))["starved channels"]
    assert "11 of 16 channels of 'fc'" in found.what


@pytest.mark.parametrize(("factor", "coarse"), [(1, False), (30, True), (1e5, True)])
def test_logits_that_a_step_changes_by_much(factor: float, coarse: bool) -> None:
    graph = dense(kernel=normal(4, 16) * np.float32(factor))
    logits = graph.outputs[0].value
    graph.keep_outputs(())
    graph.output("p", graph.add(ops.Softmax(), logits, origin="softmax").output)
    found = findings(graph, normal(200, 4))
    assert ("coarse logits" in found) == coarse
    if coarse:
        assert found["coarse logits"].where == ("fc",)
        assert "changes a probability by up to" in found["coarse logits"].what


def test_weights_beside_which_others_are_nothing() -> None:
    kernel = normal(4096, 4) * 1e-3
    kernel[7, :] = 9
    graph = Graph("g")
    x = graph.input("x", TensorType(DType.F32, (symbol("batch"), 4096)))
    graph.output("y", graph.add(ops.Dense(), x, graph.constant(kernel), origin="wide").output)
    found = findings(graph, normal(40, 4096))["outlying weights"]
    assert found.where == ("wide",)
    assert "float16" in found.hint


def normed(variance: Array) -> Graph:
    graph = Graph("g")
    x = graph.input("x", TensorType(DType.F32, (symbol("batch"), 4)))
    one = np.ones(4, np.float32)
    hidden = graph.add(ops.Dense(), x, graph.constant(np.eye(4, dtype=np.float32)), origin="fc").output
    rest = [graph.constant(a) for a in (one, one * 0, one * 0, variance.astype(np.float32))]
    graph.output("y", graph.add(ops.BatchNorm(1e-3), hidden, *rest, origin="bn").output)
    return graph


def test_a_norm_that_was_trained_on_pixels_ends_the_guess() -> None:
    graph = image()
    data = RNG.uniform(0, 255, (40, 6, 6, 3)).astype(np.float32)
    conv = graph.outputs[0].value
    graph.keep_outputs(())
    rest = [graph.constant(np.full(4, a, np.float32)) for a in (1, 0, 0, 2e4)]
    graph.output("y", graph.add(ops.BatchNorm(1e-3), conv, *rest, origin="bn").output)
    assert "not scaled" in findings(graph, data)
    assert findings(graph, data, captured=graph, batch={"x": data}) == {}
    assert findings(graph, data, captured=graph) == {}
    found = findings(graph, data / 255, captured=graph)
    assert list(found) == ["unlike training"]


@pytest.mark.parametrize(("factor", "words"), [(255, "times as wide as"), (1 / 255, "times narrower than")])
def test_data_unlike_that_of_training(factor: float, words: str) -> None:
    graph = normed(np.ones(4))
    data = normal(60, 4)
    assert findings(graph, data, captured=graph, batch={"x": data}) == {}
    found = findings(graph, data * factor, captured=graph, batch={"x": data * np.float32(factor)})
    assert words in found["unlike training"].what
    assert found["unlike training"].where == ("bn",)


def test_batch_norms_that_blow_up_a_channel() -> None:
    graph = normed(np.array([1e9, 1e9, 1e9, 0]))
    found = findings(graph, normal(60, 4), captured=graph)["uneven norms"]
    assert found.where == ("bn",)
    assert "float32" in found.hint


def test_long_lists_are_cut() -> None:
    assert listed(["a", "b", "a"]) == "'a', 'b'"
    assert listed(list("abcdefg")) == "'a', 'b', 'c', 'd' and 3 more"
