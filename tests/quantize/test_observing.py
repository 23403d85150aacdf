"""Observation gives the same in an engine and in the evaluator, whatever the batches, and its memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.errors import ConfigError
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.types import DType, TensorType
from kexport.quantize.statistics import engine as engines
from kexport.quantize.statistics.bounds import bounds_of, is_fixed
from kexport.quantize.statistics.floor import softmax_floor
from kexport.quantize.statistics.names import graph_digest, value_names
from kexport.quantize.statistics.observing import batch_rows, observe
from kexport.quantize.statistics.statistics import Statistics, merge
from tests.toy import graph as toy_graph


class Data:
    """Rows for the toy model."""

    def __init__(self, rows: Array, digest: str = "d"):
        self.rows = rows
        self.digest = digest
        self.samples = len(rows)

    def batches(self, rows: int) -> Iterator[tuple[Mapping[str, Array], int]]:
        for i in range(0, len(self.rows), rows):
            yield {"x": self.rows[i : i + rows]}, len(self.rows[i : i + rows])


def rows(count: int = 150, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal((count, 12)).astype(np.float32)


def assert_alike(a: Statistics, b: Statistics) -> None:
    assert a.values.keys() == b.values.keys()
    for name, value in a.values.items():
        other = b.values[name]
        assert value.low == pytest.approx(other.low, abs=1e-5), name
        assert value.high == pytest.approx(other.high, abs=1e-5), name
        assert value.mean == pytest.approx(other.mean, abs=1e-5), name
        assert value.count == other.count


def test_an_engine_and_the_evaluator_see_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = toy_graph()
    told: list[Any] = []
    found = observe(graph, Data(rows()), tell=lambda done, total: told.append((done, total)))
    monkeypatch.setattr(engines, "targets", dict)
    assert_alike(found, observe(graph, Data(rows())))
    assert told == [(64, 150), (128, 150), (150, 150)]
    assert (found.samples, found.data, found.graph) == (150, ("d",), graph_digest(graph))


def test_every_float_value_is_there_by_name() -> None:
    graph = toy_graph()
    names = value_names(graph)
    found = observe(graph, Data(rows()))
    floats = [v for v in names if v.type.dtype.is_float]
    assert list(found.values) == [names[v] for v in floats]
    hidden, logits, probs = (v for v in floats if v.producer)
    assert found.of(names[hidden]).fixed
    assert found.of(names[probs]).bounds == (0.0, 1.0)
    assert not found.of(names[logits]).fixed
    assert found.range_of(names[probs]) == (0.0, 1.0)
    assert found.of("x").count == 150 * 12


def test_an_engine_that_fails_on_the_way_gives_over_to_the_evaluator() -> None:
    graph = toy_graph()
    wanted = [n.outputs[0] for n in graph.nodes][:1]

    class Failing:
        def run(self, inputs: Any) -> Any:
            raise RuntimeError("out of memory")

    engine = engines.Engine(graph, wanted, "fails", Failing())  # type: ignore[arg-type]
    assert [v for v, _ in engine.values({"x": rows(3)})] == wanted
    assert engine.name == engines.EVALUATOR


def test_machines_merge_to_what_one_would_have_seen() -> None:
    graph = toy_graph()
    data = rows()
    whole = observe(graph, Data(data))
    parts = [observe(graph, Data(part, str(i))) for i, part in enumerate(np.split(data, 3))]
    merged = merge(parts)
    assert_alike(whole, merged)
    assert (merged.samples, merged.data) == (150, ("0", "1", "2"))


def test_what_cannot_be_merged_is_said() -> None:
    graph = toy_graph()
    a = observe(graph, Data(rows(4)))
    with pytest.raises(ConfigError, match="same data"):
        merge([a, a])
    with pytest.raises(ConfigError, match="different graphs"):
        merge([a, Statistics("other", ("e",), 4, a.values)])
    with pytest.raises(ConfigError, match="no statistics to merge"):
        merge([])


def test_no_data_is_said() -> None:
    with pytest.raises(ConfigError, match="no data to calibrate with") as caught:
        observe(toy_graph(), Data(rows(0)))
    assert "at least one sample" in str(caught.value.hint)


def big(size: int, batch: Any) -> Graph:
    graph = Graph("big")
    x = graph.input("x", TensorType(DType.F32, (batch, size, size, 8)))
    graph.output("y", graph.add(ops.Relu(), x).output)
    return graph


def test_logits_far_below_the_greatest_are_cut_off() -> None:
    graph = Graph("g")
    x = graph.input("x", TensorType(DType.F32, (symbol("batch"), 12)))
    logits = graph.add(ops.Mul(), x, graph.constant(np.float32(100))).output
    graph.output("p", graph.add(ops.Softmax(), logits).output)
    names = value_names(graph)
    data = rows()
    found = observe(graph, Data(data))
    low, high = found.range_of(names[logits])
    assert high == pytest.approx(100 * data.max(), rel=1e-5)
    assert low == pytest.approx(min(100 * data.max(-1).min() - 8 - np.log(12), 0), rel=1e-5)
    assert low > 0.5 * found.of(names[logits]).low
    clipped = np.maximum(100 * data, low)
    exact, cut = (np.exp(a - a.max(-1, keepdims=True)) for a in (100 * data, clipped))
    np.testing.assert_allclose(exact / exact.sum(-1, keepdims=True), cut / cut.sum(-1, keepdims=True), atol=4e-4)
    parts = merge([observe(graph, Data(part, str(i))) for i, part in enumerate(np.split(data, 3))])
    assert parts.range_of(names[logits]) == (low, high)
    graph.output("raw", logits)
    assert observe(graph, Data(data)).range_of(names[logits])[0] == pytest.approx(100 * data.min(), rel=1e-5)


def test_rows_that_are_masked_as_a_whole_have_no_floor() -> None:
    logits = np.array([[1.0, 2.0, -1e9], [-1e9, -1e9, -1e9], [-np.inf, -np.inf, -np.inf]], np.float32)
    assert softmax_floor(logits) == pytest.approx(2 - 8 - np.log(3))
    assert softmax_floor(logits[1:]) == -np.inf
    assert softmax_floor(logits[:0]) == -np.inf


def test_batches_are_as_large_as_memory_allows() -> None:
    def planned(size: int, batch: int | None = None) -> int:
        graph = big(size, symbol("batch") if batch is None else batch)
        return batch_rows(graph, [o.value for o in graph.outputs])

    assert planned(4) == 64
    assert planned(512) == 8
    assert planned(8192) == 1
    assert planned(512, 3) == 3


def test_bounds_reach_through_what_passes_numbers_on() -> None:
    graph = Graph("g")
    x = graph.input("x", TensorType(DType.F32, (symbol("batch"), 4)))
    clipped = graph.add(ops.Clip(2.0, 6.0), x).output
    turned = graph.add(ops.Transpose((1, 0)), clipped).output
    dense = graph.add(ops.Dense("sigmoid"), x, graph.constant(np.ones((4, 2), np.float32))).output
    assert bounds_of(turned) == (0.0, 6.0)
    assert bounds_of(dense) == (0.0, 1.0)
    assert is_fixed(dense)
    assert not is_fixed(turned)
    assert bounds_of(x) == (-np.inf, np.inf)
