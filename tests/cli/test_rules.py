"""-v tells which rules changed the graph, and -vv why others did not."""

from __future__ import annotations

import pytest

from kexport.cli.command import State
from kexport.cli.rules import CHANNEL, RuleNotes, rule_notes
from kexport.ir.parser import parse_graph
from kexport.passes.pipeline import run_passes
from kexport.rewrite import log

GRAPH = """graph "g" (%x: f32[2,3]) {
  %one: f32[] = const 1.0
  %a = mul(%x, %one) @"scale"
  %b = pad(%a) {pads=[[0, 0], [1, 1]]} @"inner" %c = pad(%b) {pads=[[0, 0], [1, 1]]} @"outer"
  %d = exp(%b) @"first" %e = exp(%b) @"second"
  return "c": %c, "d": %d, "e": %e
}"""


def told(verbose: int, capsys: pytest.CaptureFixture[str], quiet: bool = False) -> list[str]:
    with rule_notes(State(verbose=verbose, quiet=quiet)):
        run_passes(parse_graph(GRAPH), ["algebra", "layout", "cse"])
    return capsys.readouterr().err.splitlines()


def test_rules_that_fired_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(1, capsys) == ["algebra: neutral fired 1 time", "cse: cse fired 1 time"]


def test_reasons_are_told_once_with_their_places(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(2, capsys)
    assert lines[:2] == ["algebra: neutral fired 1 time", "cse: cse fired 1 time"]
    assert lines[2:] == ["layout: pad_of_pad skipped at 'outer': the inner pad is used elsewhere"]


@pytest.mark.parametrize(("verbose", "quiet"), [(0, False), (2, True)])
def test_nothing_is_told_unasked_or_when_quiet(verbose: int, quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(verbose, capsys, quiet) == []


def test_further_places_are_counted() -> None:
    notes = RuleNotes()
    log.CHANNEL.addHandler(notes)
    log.CHANNEL.setLevel("DEBUG")
    try:
        found = log.Log()
        found.skipped.update({("rule", f"layer {i}", "why not"): 1 for i in range(5)})
        found.publish("some")
    finally:
        log.CHANNEL.removeHandler(notes)
        log.CHANNEL.setLevel("NOTSET")
    assert notes.lines() == ["some: rule skipped at 'layer 0', 'layer 1', 'layer 2' and 2 more: why not"]
    assert log.CHANNEL.name == CHANNEL
