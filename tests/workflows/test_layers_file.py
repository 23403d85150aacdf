"""What is kept of errors by layer: all of it comes back, other targets stay, damage is told."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from kexport.errors import VerifyError
from kexport.locate.divergence import LayerCheck, Location
from kexport.workflows.layers_file import LAYERS, LayersEntry, keep_layers

NAMED_INF = LayerCheck("inf", "conv", "diverges", math.inf, 1e-6, "nan", "why", "t", ("inf", "a"), ("b",))
LOST = LayerCheck("lost", "relu", "diverges", reason="the graph is another")
ENTRY = LayersEntry(
    "net",
    ("random-0",),
    {"norm": "too far off"},
    (Location("onnx", "net.onnx", "engine", "failed", "why", (NAMED_INF, LOST), "note"),),
    {"onnx": "1"},
)


def test_everything_comes_back(tmp_path: Path) -> None:
    keep_layers(tmp_path, ENTRY)
    assert LAYERS.read(tmp_path) == {"net": ENTRY}
    first = (tmp_path / LAYERS.name).read_bytes()
    keep_layers(tmp_path, ENTRY)
    assert (tmp_path / LAYERS.name).read_bytes() == first


def test_other_targets_and_models_stay(tmp_path: Path) -> None:
    keep_layers(tmp_path, ENTRY)
    other = replace(ENTRY, locations=(Location("tflite", "net.tflite", "e", "verified", ""),), sha256={"tflite": "2"})
    keep_layers(tmp_path, other)
    keep_layers(tmp_path, replace(ENTRY, name="second"))
    found = LAYERS.read(tmp_path)
    assert sorted(found) == ["net", "second"]
    assert found["net"].locations == (*ENTRY.locations, *other.locations)
    assert found["net"].sha256 == {"onnx": "1", "tflite": "2"}
    keep_layers(tmp_path, replace(ENTRY, locations=()))
    assert [x.target for x in LAYERS.read(tmp_path)["net"].locations] == ["tflite"]


def test_a_folder_that_may_not_be_written_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    keep_layers(tmp_path, ENTRY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 2, "models": {}}', '{"schema": 1, "models": {"net": {}}}'])
def test_damage(tmp_path: Path, text: str) -> None:
    (tmp_path / LAYERS.name).write_text(text)
    with pytest.raises(VerifyError, match="the errors by layer are damaged"):
        LAYERS.read(tmp_path)


def test_it_is_json(tmp_path: Path) -> None:
    keep_layers(tmp_path, ENTRY)
    data = json.loads((tmp_path / LAYERS.name).read_text())
    assert data["models"]["net"]["locations"][0]["layers"][0]["error"] == "inf"
