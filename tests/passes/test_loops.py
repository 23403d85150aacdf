"""Loops written out, turned into each other and pruned still compute the same."""

from __future__ import annotations

import numpy as np
import pytest

from kexport import ops
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.parser import parse_graph
from kexport.ir.verifier import verify_graph
from kexport.passes.decompose import decompose
from kexport.passes.decompose.control import unroll_scans
from kexport.passes.prune_loops import PASS as PRUNE
from kexport.rewrite import Log, RulePass
from tests.ops.case import Case
from tests.ops.cases import CASES

RECURRENT = (ops.Lstm, ops.Gru, ops.SimpleRnn)
LOOPS = [c for c in CASES if isinstance(c.op, (*RECURRENT, ops.Scan))]


def kinds(graph: Graph) -> set[str]:
    return {n.op.name for n in graph.nodes}


def assert_same(graph: Graph, case: Case, before: dict[str, np.ndarray]) -> None:
    verify_graph(graph)
    after = evaluate(graph, case.inputs())
    for name, expected in before.items():
        np.testing.assert_allclose(after[name], expected, rtol=0, atol=3e-6 * max(1, np.abs(expected).max(initial=0)))


@pytest.mark.parametrize("case", LOOPS, ids=lambda c: c.id)
def test_down_to_a_while(case: Case) -> None:
    graph = case.graph()
    before = evaluate(graph, case.inputs(), wide=True)
    decompose(*RECURRENT, ops.Scan).run(graph)
    assert "while" in kinds(graph)
    assert not kinds(graph) & {"scan", "lstm", "gru", "simple_rnn"}
    assert_same(graph, case, before)


@pytest.mark.parametrize("case", LOOPS, ids=lambda c: c.id)
def test_written_out(case: Case) -> None:
    graph = case.graph(static=True)
    before = evaluate(graph, case.inputs(), wide=True)
    RulePass("unroll", (*decompose(*RECURRENT).rules, unroll_scans(5))).run(graph)
    assert not kinds(graph) & {"scan", "while"}
    assert_same(graph, case, before)


def test_a_long_scan_is_not_written_out() -> None:
    case = next(c for c in LOOPS if c.id == "scan-static")
    graph = case.graph(static=True)
    log = Log()
    RulePass("unroll", (unroll_scans(2),)).run(graph, log)
    assert "scan" in kinds(graph)
    assert "3 steps, 2 would be written out" in log.lines()[-1]


@pytest.mark.parametrize("case", [c for c in LOOPS if isinstance(c.op, RECURRENT)], ids=lambda c: c.id)
def test_what_is_not_read_is_not_computed(case: Case) -> None:
    graph = case.graph()
    name = graph.outputs[-1].name
    only = graph.copy()
    graph.keep_outputs([name])
    before = evaluate(only, case.inputs(), wide=True)
    decompose(*RECURRENT).run(graph)
    (scan,) = (n for n in graph.nodes if isinstance(n.op, ops.Scan))
    results = len(scan.outputs)
    assert PRUNE.run(graph)
    assert not PRUNE.run(graph)
    (scan,) = (n for n in graph.nodes if isinstance(n.op, ops.Scan))
    assert len(scan.outputs) < results
    assert_same(graph, case, {name: before[name]})


def test_a_while_loses_state_that_only_feeds_itself() -> None:
    state = "%i: i32[], %x: f32[2], %idle: f32[2]"
    graph = parse_graph(f"""graph "g" (%x: f32[2], %y: f32[2]) {{
      %zero: i32[] = const 0
      %a, %b, %c = while(%zero, %x, %y) {{
        cond=graph "cond" ({state}) {{ %n: i32[] = const 3 %more = less(%i, %n) return "more": %more }},
        body=graph "body" ({state}) {{
          %one: i32[] = const 1 %j = add(%i, %one) %z = add(%x, %x) %w = mul(%idle, %x)
          return "i": %j, "x": %z, "idle": %w }}}}
      return "r": %b
    }}""")
    inputs = {"x": np.float32([1, 2]), "y": np.float32([3, 4])}
    before = evaluate(graph, inputs)
    assert PRUNE.run(graph)
    (loop,) = graph.nodes
    assert len(loop.outputs) == 2
    np.testing.assert_array_equal(evaluate(graph, inputs)["r"], before["r"])


def test_the_input_product_of_a_cell_leaves_the_loop() -> None:
    graph = parse_graph("""graph "g" (%h: f32[batch,2], %x: f32[batch,time,3]) {
      %w: f32[3,2] = const random(1)
      %last, %y = scan(%h, %x) {carried=1, sequences=1, axis=1, body=graph "step" (%h: f32[batch,2], %x: f32[batch,3]) {
        %w: f32[3,2] = const random(1)
        %r: f32[2,2] = const random(2)
        %a = dense(%x, %w)
        %b = dense(%h, %r)
        %c = add(%a, %b)
        %d = tanh(%c)
        return "h": %d, "y": %d }}
      return "y": %y
    }""")
    rng = np.random.default_rng(0)
    inputs = {"h": np.ones((2, 2), np.float32), "x": rng.standard_normal((2, 4, 3)).astype(np.float32)}
    before = evaluate(graph, inputs, wide=True)
    assert PRUNE.run(graph)
    assert not PRUNE.run(graph)
    verify_graph(graph)
    scan = next(n for n in graph.nodes if isinstance(n.op, ops.Scan))
    assert [n.op.name for n in graph.nodes] == ["dense", "scan"]
    assert [n.op.name for n in scan.op.body.nodes] == ["dense", "add", "tanh"]
    np.testing.assert_allclose(evaluate(graph, inputs)["y"], before["y"], atol=1e-6)
