"""Faults of every kind, put into the graph that is written: locate names the layer that each was put into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from kexport.evidence.reference_file import Reference
from kexport.locate.align import Alignment
from kexport.locate.checkpoints import checkpoints
from kexport.locate.divergence import DIVERGES, OK, Subject, check_layers
from kexport.locate.layers import layer_reference
from kexport.lowered import lower_for
from kexport.target import find_target
from tests.workflows.locating import in_this_process

pytest.importorskip("tensorflow", reason="the extra tensorflow is not installed")

from tests.faults import settings, structure, weights
from tests.faults.bench import Bench, bench
from tests.faults.edits import Injected, inject
from tests.faults.effect import EFFECTIVE, effect

NAMES = (
    "padding on the wrong side",
    "average for maximum",
    "activation dropped",
    "softmax without its sum",
    "exponent bit flipped",
    "weight off by 1 %",
)
BATCHES = ["random-0", "random-1"]


class Prepared(NamedTuple):
    """What all faults share: the model, where its layers are, and what they should answer."""

    bench: Bench
    subject: Subject
    alignment: Alignment
    layers: Reference


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    model = bench("cnn")
    target = find_target("onnx")
    path = tmp_path_factory.mktemp("faults") / "cnn.onnx"
    subject = Subject(path, target, target.options(), model.contract, model.captured.graph)
    layers = layer_reference(subject.graph, checkpoints(subject.graph), model.reference, BATCHES)
    with in_this_process():
        yield Prepared(model, subject, subject.aligned(layers.recordings[0].batch.inputs), layers)


def injected(model: Bench, name: str) -> Injected:
    """The fault at the first place where it changes an output."""
    (fault,) = (f for f in (*weights.TABLE, *settings.TABLE, *structure.TABLE) if f.name == name)
    return next(i for i in inject(fault, model.graph, model.contract) if effect(model, i.graph) > EFFECTIVE)


def rows_of(prepared: Prepared, graph: Any) -> dict[str, Any]:
    subject = prepared.subject
    lower_for(subject.target, subject.options, graph, subject.contract).write(subject.path)
    runtime = next(r for r in subject.target.runtimes() if r.version())
    rows, note = check_layers(subject, runtime, prepared.layers, prepared.alignment)
    assert not note
    return {row.layer: row for row in rows}


def test_the_right_graph_has_no_fault(prepared: Prepared) -> None:
    verdicts = {row.verdict for row in rows_of(prepared, prepared.bench.graph).values()}
    assert OK in verdicts
    assert DIVERGES not in verdicts


@pytest.mark.parametrize("name", NAMES)
def test_the_layer_of_a_fault_is_named(prepared: Prepared, name: str) -> None:
    fault = injected(prepared.bench, name)
    layer = fault.place.partition(" ")[2]
    first = next(row for row in rows_of(prepared, fault.graph).values() if row.verdict == DIVERGES)
    assert layer in first.computed, (fault.place, first)
