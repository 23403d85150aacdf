"""Lowering is one way for all targets: it leaves the graph alone, checks it, and writes what it lowered."""

from __future__ import annotations

from pathlib import Path

import pytest

from kexport.errors import UnsupportedError
from kexport.ir.parser import parse_graph
from kexport.ir.text import to_text
from kexport.lowered import contract_of, lower_for, optimize
from kexport.rewrite import Log
from kexport.target import Target, targets
from tests.tfjs.nets import image_net

TARGETS = tuple(targets().values())


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_the_graph_stays_and_the_artifact_is_valid(target: Target, tmp_path: Path) -> None:
    graph = optimize(image_net())
    before = to_text(graph)
    lowered = lower_for(target, target.options(), graph)
    assert to_text(graph) == before
    assert lowered.contract == contract_of(graph)
    path = lowered.write(tmp_path / f"m{target.suffix}")
    target.validate(path)
    assert set(lowered.tensors()) <= {*lowered.graph.inputs, *(v for n in lowered.graph.nodes for v in n.outputs)}


def test_options_are_adapted_to_data_in_a_new_object() -> None:
    target = targets()["coreml"]
    lowered = lower_for(target, target.options(precision="float16"), optimize(image_net()))
    peaks = {v: 1e6 for n in lowered.graph.nodes for v in n.outputs}
    adapted = lowered.adapted(lambda: peaks)
    assert adapted.graph is lowered.graph
    assert adapted.options != lowered.options


def test_the_log_gets_what_rules_did() -> None:
    log = Log()
    lower_for(targets()["coreml"], targets()["coreml"].options(), optimize(image_net()), log=log)
    assert log.fired


def test_optimizing_copies() -> None:
    graph = parse_graph('graph "g" (%x: f32[n]) { %unused = neg(%x) %y = relu(%x) return "y": %y }')
    assert len(list(optimize(graph).nodes)) == 1
    assert len(list(graph.nodes)) == 2


def test_what_a_target_cannot_write_is_refused() -> None:
    target = targets()["coreml"]
    big = parse_graph('graph "g" (%x: f32[1,1,1,1,1,1,n]) { %y = neg(%x) return "y": %y }')
    with pytest.raises(UnsupportedError):
        lower_for(target, target.options(), optimize(big))
