"""The pipeline: names, errors, logs, bodies, sharing of weights, and time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport import ops, passes
from kexport.errors import ConfigError, GraphError
from kexport.ir.graph import Graph, Value
from kexport.ir.op import Array, RegionOp
from kexport.ir.parser import parse_graph
from kexport.ir.text import to_text
from kexport.ir.types import TensorType
from kexport.passes.pipeline import OPTIMIZE, PASSES, run_passes
from kexport.rewrite import Log


def test_a_pass_is_called_like_its_file():
    (folder,) = map(Path, passes.__path__)
    files = {p.stem for p in folder.glob("*.py")}
    assert set(PASSES) <= files
    assert set(OPTIMIZE) == set(PASSES) - {"fuse_activation"}


def test_a_pass_that_does_not_exist():
    graph = parse_graph('graph "g" (%x: f32[2]) { return "x": %x }')
    with pytest.raises(ConfigError, match="there is no pass 'fold_everything'") as e:
        run_passes(graph, ["dead_code", "fold_everything"])
    assert "fold_batch_norm" in str(e.value.hint)
    assert e.value.exit_code == 3


def test_passes_run_until_none_changes_the_graph():
    text = """graph "g" (%x: f32[n]) { %one: f32[] = const 1.0 %half: f32[] = const 0.5
      %a = add(%half, %half) %b = mul(%x, %a) %c = neg(%b) %d = neg(%c) return "d": %d }"""
    graph = parse_graph(text)
    assert run_passes(graph, ["algebra", "fold_constants"])
    assert list(graph.nodes) == []
    assert not run_passes(graph, ["algebra", "fold_constants"])
    assert not run_passes(parse_graph(text), ["layout"])


def test_the_log_says_what_fired_and_what_did_not():
    graph = parse_graph(
        """graph "g" (%x: f32[n]) { %three: f32[] = const 3.0
        %a = neg(%x) %b = neg(%a) %c = div(%b, %three) @"norm/div" return "c": %c }"""
    )
    log = Log()
    run_passes(graph, OPTIMIZE, log)
    assert log.lines() == [
        "undone: fired 1 times",
        "divide_by_power_of_two: skipped norm/div: 1/c is not exact",
    ]


class Breaks:
    """A pass that forgets a use."""

    name = "breaks"

    def run(self, graph: Graph, log: Log | None = None) -> bool:
        used = graph.inputs[0].uses
        changed = bool(used)
        used.clear()
        return changed


def test_verify_finds_the_pass_that_breaks_the_graph(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(PASSES, "breaks", Breaks())
    text = 'graph "g" (%x: f32[n]) { %a = neg(%x) return "a": %a }'
    run_passes(parse_graph(text), ["breaks"])
    with pytest.raises(GraphError, match="operand 0 does not record its use by neg"):
        run_passes(parse_graph(text), ["breaks"], verify=True)


class Restless:
    """A pass that never comes to rest."""

    name = "restless"

    def run(self, graph: Graph, log: Log | None = None) -> bool:
        return True


def test_passes_that_do_not_come_to_rest_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(PASSES, "restless", Restless())
    graph = parse_graph('graph "g" (%x: f32[n]) { %a = neg(%x) return "a": %a }')
    with pytest.warns(RuntimeWarning, match="graph 'g' is still changed after 8 rounds of passes, by restless$"):
        assert run_passes(graph, ["dead_code", "restless"])


@dataclass(frozen=True)
class Twice(RegionOp, abstract=True):
    """body applied twice."""

    body: Graph

    def infer(self, x: TensorType) -> TensorType:
        return x

    def evaluate_with(self, run: Any, *operands: Array) -> Array:
        (x,) = operands
        return run(self.body, run(self.body, [x]))[0]


def test_bodies_are_optimized_too():
    body = parse_graph(
        """graph "body" (%x: f32[n]) { %one: f32[] = const 1.0 %a = mul(%x, %one) %b = exp(%a) %c = exp(%x)
        %d = add(%b, %c) %unused = tanh(%d) %e = neg(%d) %f = neg(%e) return "f": %f }"""
    )
    graph = Graph()
    graph.output("y", graph.add(Twice(body), graph.input("x", TensorType.parse("f32[n]"))).output)
    assert run_passes(graph, OPTIMIZE, verify=True)
    assert [n.op.name for n in body.nodes] == ["exp", "add"]
    assert not run_passes(graph, OPTIMIZE)


def test_weights_that_need_no_change_are_not_copied():
    kernel = np.ones((3, 3, 2, 4), np.float32)
    table = np.ones((40, 8), np.float32)
    graph = Graph()
    x = graph.input("x", TensorType.parse("f32[n,8,8,2]"))
    y = graph.add(ops.Conv((1, 1), "same", (1, 1)), x, graph.constant(kernel, "kernel")).output
    i = graph.input("i", TensorType.parse("i32[n]"))
    graph.output("y", graph.add(ops.Relu(), y).output)
    graph.output("z", graph.add(ops.Gather(0), graph.constant(table, "table"), i).output)
    run_passes(graph, OPTIMIZE)
    assert [c.data is data for c, data in zip(graph.constants, (kernel, table), strict=True)] == [True, True]
    assert [c.name for c in graph.constants] == ["kernel", "table"]


def blocks(count: int) -> Graph:
    """`count` blocks of 15 nodes: expand, normalize, gate, pad, convolve, squeeze, excite, add."""
    graph = Graph()
    rng = np.random.default_rng(0)
    x = graph.input("x", TensorType.parse("f32[n,32,32,4]"))

    def weights() -> Iterator[Value]:
        while True:
            yield graph.constant(rng.uniform(0.5, 1.5, 4).astype(np.float32))

    for i in range(count):
        origin = f"block_{i}"
        w = weights()

        def add(op: Any, *operands: Value, origin: str = origin) -> Value:
            return graph.add(op, *operands, origin=origin).output

        k = graph.constant(rng.standard_normal((1, 1, 4, 4)).astype(np.float32))
        d = graph.constant(rng.standard_normal((3, 3, 4, 1)).astype(np.float32))
        y = add(ops.Conv((1, 1), "same", (1, 1)), x, k)
        y = add(ops.BatchNorm(1e-3), y, *(next(w) for _ in range(4)))
        y = add(ops.Mul(), y, add(ops.Sigmoid(), y))
        y = add(ops.Pad(((0, 0), (1, 1), (1, 1), (0, 0))), y)
        y = add(ops.DepthwiseConv((1, 1), "valid", (1, 1)), y, d)
        y = add(ops.BatchNorm(1e-3), y, *(next(w) for _ in range(4)))
        y = add(ops.Relu(), y)
        s = add(ops.ReduceMean((1, 2)), y)
        s = add(ops.Reshape((x.type.shape[0], 1, 1, 4)), s)
        s = add(ops.Conv((1, 1), "same", (1, 1)), s, k)
        s = add(ops.Sigmoid(), add(ops.Add(), s, next(w)))
        x = add(ops.Add(), x, add(ops.Mul(), y, s))
    graph.output("y", x)
    return graph


def test_two_thousand_nodes_take_well_under_a_second():
    graph = blocks(145)
    before = sum(1 for _ in graph.nodes)
    start = time.process_time()
    run_passes(graph, OPTIMIZE)
    seconds = time.process_time() - start
    assert before == 145 * 15
    assert sum(1 for _ in graph.nodes) == 145 * 9
    assert {n.origin for n in graph.nodes} == {f"block_{i}" for i in range(145)}
    assert seconds < 1.0


def test_the_same_graph_becomes_the_same_text():
    first = blocks(3)
    second = blocks(3)
    run_passes(first, OPTIMIZE)
    run_passes(second, OPTIMIZE)
    assert to_text(first) == to_text(second)


def test_large_constants_are_merged_by_what_they_hold() -> None:
    data = np.random.default_rng(0).normal(size=(40, 60)).astype(np.float32)
    other = data.copy()
    other[7, 7] += 1
    graph = Graph("g")
    x = graph.input("x", TensorType.parse("f32[n,40]"))
    for i, array in enumerate((data, data.copy(), np.asfortranarray(data), other)):
        graph.output(f"y{i}", graph.add(ops.MatMul(), x, graph.constant(array)).output)
    assert run_passes(graph, ["cse"])
    first, second, third, last = (o.value for o in graph.outputs)
    assert first is second is third
    assert last is not first
    assert sum(v.data is not None for v in graph.constants) == 2
