"""Every target: each op has one way out, and the rules that legalization states are those that it runs."""

from __future__ import annotations

import pytest

from kexport.errors import KexportError
from kexport.ir.graph import Graph
from kexport.ir.op import OPS, Op
from kexport.lowered import lower_for
from kexport.passes.pipeline import PASSES
from kexport.rewrite import Log, RulePass
from kexport.target import Target, all_nodes, targets
from kexport.workflows.matrix import DECOMPOSED, support
from tests.ops.case import Case
from tests.ops.cases import CASES, TEXT

VOCABULARY = sorted((op for op in OPS.values() if op.__module__.startswith("kexport.ops.")), key=lambda op: op.name)
TARGETS = sorted(targets().values(), key=lambda t: t.name)
SHARED = PASSES.keys() | {rule.name for one in PASSES.values() if isinstance(one, RulePass) for rule in one.rules}


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_every_op_has_one_way_out(target: Target) -> None:
    emitted = set(target.emitters.emitters)
    refused = set(target.emitters.reasons)
    parts = {op for op in VOCABULARY if support(target, op) == DECOMPOSED}
    assert set(VOCABULARY) - emitted - refused - parts == set(), "no emitter, rule or reason"
    assert emitted & refused == set(), "two ways"


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_what_is_had_in_parts_is_emitted(target: Target) -> None:
    parts = {op for op in VOCABULARY if support(target, op) == DECOMPOSED}
    shown = {type(case.op) for case in CASES if type(case.op) in parts and _is_emitted(target, case)}
    assert parts - shown == set()


def _is_emitted(target: Target, case: Case) -> bool:
    """Whether a case is legalized to what the target has. Single element types or sizes may be refused."""
    try:
        lowered = lower_for(target, target.options(), case.graph())
    except KexportError:
        return False
    return type(case.op) not in _ops(lowered.graph)


def _ops(graph: Graph) -> set[type[Op]]:
    return {type(node.op) for node in all_nodes(graph)}


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_only_stated_rules_fire(target: Target) -> None:
    log = Log()
    for case in (*CASES, *TEXT):
        try:
            target.legalize(case.graph(), target.options(), log)
        except KexportError:
            continue
    assert log.fired.keys() - SHARED - {rule.name for rule in target.rules} == set()
