"""What is expected of layers: Keras' recorded answers where they are unambiguous, else the graph's own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kexport.evidence.reference_file import Reference, with_recordings
from kexport.ir.op import Array
from kexport.locate.checkpoints import checkpoints
from kexport.locate.layers import keras_layers, keras_problems, layer_reference
from kexport.verify.judge import tolerances
from tests import toy

BATCHES = ["random-0", "random-1"]


def with_layers(reference: Reference, **changed: float) -> Reference:
    """The reference with what the toy's layers answer; `changed` ones multiplied."""
    recordings = []
    for r in reference.recordings:
        found = toy.compute(r.batch.inputs["x"], toy.weights())
        layers = {"hidden": found["hidden"], "logits": found["probs"]}
        recordings.append(
            dataclasses.replace(r, layers={n: a * np.float32(changed.get(n, 1)) for n, a in layers.items()})
        )
    return with_recordings(reference, recordings)


def test_every_layer_has_a_budget(reference: Reference) -> None:
    graph = toy.graph()
    layers = layer_reference(graph, checkpoints(graph), reference, BATCHES)
    assert [r.batch.name for r in layers.recordings] == BATCHES
    allowed = tolerances(layers)
    assert {name for name, _ in allowed} == {"hidden", "logits", "label"}
    assert all(0 < allowed[n, b].atol < 1e-4 for n in ("hidden", "logits") for b in BATCHES)
    assert all(r.outputs["label"].dtype == np.int32 for r in layers.recordings)


def test_recorded_answers_of_keras_are_expected(reference: Reference) -> None:
    graph = toy.graph()
    recorded = with_layers(reference)
    layers = layer_reference(graph, checkpoints(graph), recorded, BATCHES)
    for r, own in zip(layers.recordings, recorded.recordings, strict=False):
        assert r.outputs["hidden"] is own.layers["hidden"]
    assert keras_problems(checkpoints(graph), layers, recorded) == {}


@pytest.mark.parametrize("layer", ["hidden", "logits"])
def test_a_layer_that_capture_gets_wrong_is_named(reference: Reference, layer: str) -> None:
    graph = toy.graph()
    recorded = with_layers(reference, **{layer: 1.001})
    layers = layer_reference(graph, checkpoints(graph), recorded, BATCHES)
    assert list(keras_problems(checkpoints(graph), layers, recorded)) == [layer]


@pytest.mark.parametrize(
    ("paths", "known"),
    [
        (["hidden", "logits"], {"hidden", "logits"}),
        (["hidden", "hidden:1", "logits"], {"logits"}),
        (["hidden", "logits", "logits#1"], {"hidden"}),
        (["hidden", "hidden/inner", "logits"], {"logits"}),
        (["elsewhere"], set()),
    ],
)
def test_only_unambiguous_answers_are_taken(paths: list[str], known: set[str]) -> None:
    array: Array = np.zeros(1)
    assert set(keras_layers(checkpoints(toy.graph()), dict.fromkeys(paths, array))) == known
