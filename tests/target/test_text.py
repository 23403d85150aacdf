"""Formats without text refuse it before a byte is written, with the same reason."""

from __future__ import annotations

import pytest

from kexport.errors import UnsupportedError
from kexport.ir.graph import Graph
from kexport.ops.text import ABOUT_TEXT
from kexport.target import NO_TEXT, find_target
from tests.ops.case import Case
from tests.ops.cases import TEXT as CASES
from tests.ops.text_nets import TEXT as WORDS
from tests.ops.text_nets import branches, tokenizer

WITHOUT = ("coreml", "tfjs", "tflite")


def _refused(target: str, graph: Graph) -> list[tuple[str, str, str]]:
    found = find_target(target)
    with pytest.raises(UnsupportedError) as e:
        found.legalize(graph, found.options())
    return [tuple(item) for item in e.value.items]  # type: ignore[misc]


@pytest.mark.parametrize("target", WITHOUT)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_every_op_on_text_is_refused(case: Case, target: str) -> None:
    assert _refused(target, case.graph()) == [(case.id, case.op.name, NO_TEXT)]


@pytest.mark.parametrize("target", WITHOUT)
def test_the_tables_of_emitters_say_so(target: str) -> None:
    reasons = find_target(target).emitters.reasons
    assert {reasons.get(op) for op in ABOUT_TEXT} == {NO_TEXT}


@pytest.mark.parametrize("target", WITHOUT)
def test_each_layer_is_named_once_and_those_in_bodies_too(target: str) -> None:
    assert [item[:2] for item in _refused(target, tokenizer())] == [("vectorize", "change_case")]
    assert [item[:2] for item in _refused(target, branches())] == [
        ("translate", "if"),
        ("upper", "change_case"),
        ("words", "lookup"),
    ]


@pytest.mark.parametrize("target", WITHOUT)
def test_text_that_only_passes_through_is_refused(target: str) -> None:
    graph = Graph()
    graph.output("y", graph.input("x", WORDS))
    assert _refused(target, graph) == [("x", "input", NO_TEXT), ("y", "output", NO_TEXT)]


def test_the_reason_tells_the_way_out() -> None:
    assert "`kexport vocabulary` writes its words and settings" in NO_TEXT
