"""Every decomposition computes what its op means, in float64 and in float32, on the cases of the op."""

from __future__ import annotations

import numpy as np
import pytest

from kexport import ops
from kexport.errors import GraphError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array, Op, RegionOp
from kexport.ir.types import DType, TensorType
from kexport.ir.verifier import verify_graph
from kexport.passes.decompose import DECOMPOSE, RULES, decompose
from kexport.passes.decompose.convolution import explicit_padding, fused_activation
from kexport.rewrite import Log, Rule, RulePass
from tests.ops.case import Case, literal, normal
from tests.ops.cases import CASES as NUMBERS
from tests.ops.cases_text import LARGE_HASHES

CASES = (*NUMBERS, *LARGE_HASHES)
WIDE = 1e-9
"""What float64 may differ, relative to the greatest magnitude."""
NARROW = 2e-6
"""What float32 may differ."""
COARSE: dict[type[Op], tuple[float, float]] = {
    ops.Erf: (3e-7, 1e-6),  # a fit made for float32
    ops.Mod: (WIDE, 1e-5),  # a - floor(a/b)*b cancels
    ops.Tan: (WIDE, 1e-5),
    ops.CumProd: (WIDE, 1e-5),
}
KEPT: dict[str, str] = {
    "floor_div-i32": "there is no other division of integers",
    "arg_min-i32": "the least integer has no negative",
}
"""Cases that a rule leaves, with its reason."""


def graph_of(case: Case, dtype: DType) -> tuple[Graph, dict[str, Array]]:
    graph = Graph(case.op.name)
    inputs = {}
    operands = []
    for i, (operand, type, array) in enumerate(zip(case.operands, case.types(dtype), case.arrays(dtype), strict=True)):
        if operand.constant:
            operands.append(graph.constant(array))
        else:
            inputs[f"x{i}"] = array
            operands.append(graph.input(f"x{i}", type))
    op = case.float_op(dtype) if case.op.symbols() <= case.symbols() else case.bound(dtype)
    for i, value in enumerate(graph.add(op, *operands, origin="layer").outputs):
        graph.output(f"y{i}", value)
    return graph, inputs


def assert_close(actual: Array, expected: Array, tolerance: float) -> None:
    assert actual.shape == expected.shape
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected)
        return
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite].astype(actual.dtype))
    scale = max(1.0, float(np.abs(expected[finite]).max(initial=0.0)))
    np.testing.assert_allclose(actual[finite], expected[finite], rtol=0, atol=tolerance * scale)


def check(case: Case, rule: Rule, log: Log) -> list[Graph]:
    wide, narrow = COARSE.get(type(case.op), (WIDE, NARROW))
    done = []
    for dtype, tolerance in ((DType.F64, wide), (DType.F32, narrow)):
        if dtype is DType.F64 and isinstance(case.op, RegionOp):
            continue  # its bodies hold float32
        graph, inputs = graph_of(case, dtype)
        before = evaluate(graph, inputs, wide=True)
        RulePass("test", (rule,)).run(graph, log)
        verify_graph(graph)
        after = evaluate(graph, inputs)
        for name, expected in before.items():
            assert_close(after[name], expected, tolerance)
        done.append(graph)
    return done


@pytest.mark.parametrize("case", [c for c in CASES if type(c.op) in DECOMPOSE], ids=lambda c: c.id)
def test_decomposition_computes_the_op(case: Case):
    log = Log()
    for graph in check(case, DECOMPOSE[type(case.op)], log):
        reasons = {reason for _, _, reason in log.skipped}
        assert reasons == ({KEPT[case.id]} if case.id in KEPT else set())
        kinds = {type(n.op) for n in graph.nodes}
        plain_matmul = isinstance(case.op, ops.MatMul) or (isinstance(case.op, ops.Elu) and case.op.alpha != 1)
        assert case.id in KEPT or plain_matmul or type(case.op) not in kinds
        assert {n.origin for n in graph.nodes} <= {"layer"}


def test_every_decomposition_has_a_case():
    assert {op.name for op in DECOMPOSE} <= {c.op.name for c in CASES}


def test_one_rule_for_each_op():
    claimed = [op for rule in RULES for op in rule.ops]
    assert len(claimed) == len(set(claimed))


def test_only_what_is_named_is_expanded() -> None:
    """Also where one rule knows several ops."""
    assert {op for r in decompose(ops.CumProd, ops.Square).rules for op in r.ops} == {ops.CumProd, ops.Square}


def test_an_op_without_decomposition_is_refused():
    with pytest.raises(GraphError, match="there is no decomposition of add, exp"):
        decompose(ops.Gelu, ops.Exp, ops.Add)


def test_decompositions_chain():
    graph = Graph()
    graph.output("y", graph.add(ops.HardSilu(), graph.input("x", normal(3).type(DType.F32)), origin="act").output)
    assert decompose(ops.HardSilu, ops.HardSigmoid, ops.Relu6, ops.Clip).run(graph)
    assert [n.op.name for n in graph.nodes] == ["add", "maximum", "minimum", "mul", "mul"]


NEAR_ZERO = literal([1e-12, -1e-9, 3e-8, -1e-5, 1e-3])


@pytest.mark.parametrize("op", [ops.Expm1(), ops.Log1p(), ops.Sinh(), ops.Asinh(), ops.Atanh()], ids=lambda o: o.name)
def test_digits_near_zero_are_kept(op: Op):
    graph, inputs = graph_of(Case(op, (NEAR_ZERO,), lambda x: x), DType.F32)
    expected = evaluate(graph, inputs, wide=True)["y0"]
    decompose(type(op)).run(graph)
    np.testing.assert_allclose(evaluate(graph, inputs)["y0"], expected, rtol=1e-6)


def test_a_batch_norm_with_a_far_mean_subtracts_it_first():
    graph = Graph()
    x = graph.input("x", normal(64, 1).type(DType.F32))
    parameters = [graph.constant(np.array([v], np.float32)) for v in (1.0, 0.5, 1e4, 1.0)]
    graph.output("y", graph.add(ops.BatchNorm(1e-3), x, *parameters).output)
    data = {"x": (1e4 + np.random.default_rng(0).standard_normal((64, 1))).astype(np.float32)}
    expected = evaluate(graph, data, wide=True)["y"]
    decompose(ops.BatchNorm).run(graph)
    assert [n.op.name for n in graph.nodes] == ["sub", "mul", "add"]
    np.testing.assert_allclose(evaluate(graph, data)["y"], expected, atol=1e-6)


@pytest.mark.parametrize(
    "case", [c for c in CASES if isinstance(c.op, (ops.Conv, ops.DepthwiseConv, ops.MaxPool))], ids=lambda c: c.id
)
def test_explicit_padding_as_a_pad(case: Case):
    for graph in check(case, explicit_padding, Log()):
        paddings = [n.op.attributes()["padding"] for n in graph.nodes if not isinstance(n.op, ops.Pad)]
        assert all(isinstance(p, str) for p in paddings)


@pytest.mark.parametrize("case", [c for c in CASES if isinstance(c.op, fused_activation.ops)], ids=lambda c: c.id)
def test_fused_activations_come_apart(case: Case):
    for graph in check(case, fused_activation, Log()):
        assert all(n.op.attributes().get("activation") is None for n in graph.nodes)


def test_integers_are_reversed_and_summed_at_a_dynamic_size():
    graph = Graph()
    x = graph.input("x", TensorType.parse("i32[n,3]"))
    graph.output("r", graph.add(ops.Reverse((0, 1)), x).output)
    graph.output("s", graph.add(ops.CumSum(0), x, origin="sum").output)
    log = Log()
    decompose(ops.Reverse, ops.CumSum).run(graph, log)
    data = np.arange(12, dtype=np.int32).reshape(4, 3)
    np.testing.assert_array_equal(evaluate(graph, {"x": data})["r"], data[::-1, ::-1])
    np.testing.assert_array_equal(evaluate(graph, {"x": data})["s"], np.cumsum(data, 0))
    assert not log.skipped
    assert [n.op.name for n in graph.nodes if n.origin == "sum"] == ["full", "scan"]
