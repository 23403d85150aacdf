"""Rules fire until none does; what they see, what is refused, and what the log says."""

from __future__ import annotations

import pytest

from kexport import ops
from kexport.errors import GraphError
from kexport.ir.graph import Graph, Node
from kexport.ir.op import Op
from kexport.ir.parser import parse_graph
from kexport.ir.text import to_text
from kexport.ir.types import DType
from kexport.ir.verifier import verify_graph
from kexport.ops.elementwise import Unary
from kexport.rewrite import Log, Rewriter, RulePass, Skip, apply_rules, rule
from kexport.rewrite.driver import erase_dead
from kexport.rewrite.rule import Replacement


@rule(ops.Neg)
def double_negation(op: ops.Neg, node: Node, rewriter: Rewriter) -> Replacement:
    inner = node.inputs[0].producer
    return inner.inputs[0] if inner and isinstance(inner.op, ops.Neg) else None


def names(graph: Graph) -> list[str]:
    return [n.op.name for n in graph.nodes]


def chain(text: str) -> Graph:
    """A graph of unary ops on %x, by name."""
    lines = [f"%v{i + 1} = {op}(%v{i})" for i, op in enumerate(text.split())]
    return parse_graph(f'graph "g" (%v0: f32[n]) {{ {" ".join(lines)} return "y": %v{len(lines)} }}')


def test_rules_fire_to_a_fixed_point():
    graph = chain("neg neg neg exp neg neg neg neg neg")
    log = Log()
    assert apply_rules(graph, [double_negation], log)
    assert names(graph) == ["neg", "exp", "neg"]
    assert log.fired == {"double_negation": 3}
    assert not apply_rules(graph, [double_negation])
    verify_graph(graph)


def test_a_rule_sees_the_ops_it_names_and_their_subclasses():
    seen: list[str] = []

    @rule(Unary, ops.Mul)
    def look(op: Unary | ops.Mul, node: Node, rewriter: Rewriter) -> Replacement:
        seen.append(op.name)
        return None

    graph = parse_graph('graph "g" (%x: f32[2]) { %a = neg(%x) %b = add(%a, %x) %c = mul(%a, %b) return "c": %c }')
    apply_rules(graph, [look])
    assert seen == ["neg", "mul"]


def test_a_rule_without_ops_sees_every_node():
    seen: list[str] = []

    @rule()
    def look(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
        seen.append(op.name)
        return None

    apply_rules(chain("neg tanh exp"), [look])
    assert seen == ["neg", "tanh", "exp"]


def test_new_nodes_stand_before_the_old_one_and_carry_its_layer():
    @rule(ops.Selu)
    def expand(op: ops.Selu, node: Node, rewriter: Rewriter) -> Replacement:
        return rewriter.add(ops.Exp(), rewriter.add(ops.Tanh(), node.inputs[0]), origin="elsewhere")

    graph = parse_graph('graph "g" (%x: f32[2]) { %y = selu(%x) @"a/b" %z = neg(%y) return "z": %z }')
    assert RulePass("expand", (expand,)).run(graph)
    assert [(n.op.name, n.origin) for n in graph.nodes] == [("tanh", "a/b"), ("exp", "elsewhere"), ("neg", "")]
    assert next(iter(n for n in graph.nodes if n.op.name == "exp")).output.name == "y"


def test_what_a_rule_built_for_nothing_is_removed():
    @rule(ops.Neg)
    def undecided(op: ops.Neg, node: Node, rewriter: Rewriter) -> Replacement:
        rewriter.add(ops.Exp(), rewriter.add(ops.Tanh(), node.inputs[0]))
        return Skip("changed my mind")

    @rule(ops.Neg)
    def wasteful(op: ops.Neg, node: Node, rewriter: Rewriter) -> Replacement:
        rewriter.add(ops.Tanh(), node.inputs[0])
        return rewriter.add(ops.Exp(), node.inputs[0])

    graph = chain("neg")
    log = Log()
    assert not apply_rules(graph, [undecided], log)
    assert names(graph) == ["neg"]
    assert apply_rules(graph, [wasteful], log)
    assert names(graph) == ["exp"]
    assert log.lines() == ["wasteful: fired 1 times", "undecided: skipped : changed my mind"]


def test_the_first_rule_that_matches_wins():
    @rule(ops.Neg)
    def to_exp(op: ops.Neg, node: Node, rewriter: Rewriter) -> Replacement:
        return rewriter.add(ops.Exp(), node.inputs[0])

    @rule(ops.Neg)
    def to_tanh(op: ops.Neg, node: Node, rewriter: Rewriter) -> Replacement:
        return rewriter.add(ops.Tanh(), node.inputs[0])

    graph = chain("neg")
    apply_rules(graph, [to_exp, to_tanh])
    assert names(graph) == ["exp"]


def test_the_last_reader_is_looked_at_again_when_the_others_are_gone():
    @rule(ops.Exp)
    def absorb(op: ops.Exp, node: Node, rewriter: Rewriter) -> Replacement:
        inner = node.inputs[0].producer
        if inner is None or not isinstance(inner.op, ops.Tanh) or not rewriter.only_use(node.inputs[0]):
            return None
        return rewriter.add(ops.Erf(), inner.inputs[0])

    @rule(ops.Sub)
    def nothing(op: ops.Sub, node: Node, rewriter: Rewriter) -> Replacement:
        return node.inputs[0] if node.inputs[1] is not node.inputs[0] else None

    graph = parse_graph(
        """graph "g" (%x: f32[2]) { %a = tanh(%x) %b = exp(%a) %c = neg(%a) %d = sub(%b, %c) return "d": %d }"""
    )
    apply_rules(graph, [absorb, nothing])
    assert names(graph) == ["erf"]


def test_only_use_counts_outputs_and_operands():
    graph = parse_graph('graph "g" (%x: f32[2]) { %a = neg(%x) %b = mul(%a, %a) %c = exp(%b) return "b": %b, "c": %c }')
    _, mul, exp = graph.nodes
    assert not Rewriter(graph, mul).only_use(mul.inputs[0])
    assert not Rewriter(graph, exp).only_use(exp.inputs[0])
    assert Rewriter(graph, mul).only_use(exp.output) is False


def test_a_result_of_another_type_is_refused():
    @rule(ops.Neg)
    def wrong(op: ops.Neg, node: Node, rewriter: Rewriter) -> Replacement:
        return rewriter.add(ops.Cast(DType.F16), node.inputs[0])

    with pytest.raises(
        GraphError, match=r"rule wrong: cannot replace a value of type f32\[n\] by one of type f16\[n\]"
    ):
        apply_rules(chain("neg"), [wrong])


def test_another_number_of_results_is_refused():
    @rule(ops.Neg)
    def wrong(op: ops.Neg, node: Node, rewriter: Rewriter) -> Replacement:
        return node.inputs[0], node.inputs[0]

    with pytest.raises(GraphError, match="rule wrong: 2 values cannot replace the 1 of neg"):
        apply_rules(chain("neg"), [wrong])


def test_rules_that_never_rest_are_stopped():
    def swap(old: Op, new: Op):
        @rule(type(old))
        def swap(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
            return rewriter.add(new, node.inputs[0])

        return swap

    with pytest.raises(GraphError, match=r"rules do not come to rest: \{'swap': \d+\}"):
        apply_rules(chain("neg"), [swap(ops.Neg(), ops.Exp()), swap(ops.Exp(), ops.Neg())])


def test_erase_dead_takes_what_only_the_dead_used():
    graph = parse_graph('graph "g" (%x: f32[2]) { %a = neg(%x) %b = exp(%a) %c = tanh(%b) return "a": %a }')
    *_, last = graph.nodes
    assert erase_dead(graph, [last])
    assert names(graph) == ["neg"]
    assert not erase_dead(graph, list(graph.nodes))
    assert to_text(graph).count("neg") == 1
