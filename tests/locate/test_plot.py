"""The plot is well-formed SVG that needs nothing else."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from kexport.locate.plot import layer_plot

SVG = "{http://www.w3.org/2000/svg}"
LINES = {
    "onnx in <engine>": {"conv": 0.01, "block/a & b": 250.0, "out": float("inf")},
    "tflite": {"conv": 0.0, "block/a & b": None, "out": 1e-9},
}


def test_every_layer_that_shows_is_a_point() -> None:
    root = ET.fromstring(layer_plot("net", LINES))
    points = root.findall(f"{SVG}circle")
    titles = [p.findtext(f"{SVG}title") for p in points]
    assert titles == [
        "conv in onnx in <engine>: 0.01 times its budget",
        "block/a & b in onnx in <engine>: 250 times its budget",
        "out in onnx in <engine>: inf times its budget",
        "conv in tflite: 0 times its budget",
        "out in tflite: 1e-09 times its budget",
    ]
    heights = [float(p.attrib["cy"]) for p in points]
    assert heights[2] < heights[1] < heights[0] < heights[3] == heights[4]
    assert [p.attrib["r"] for p in points] == ["3", "5", "5", "3", "3"]


def test_the_budget_is_a_line_and_layers_are_named() -> None:
    root = ET.fromstring(layer_plot("net", LINES))
    (budget,) = [e for e in root.findall(f"{SVG}line") if e.attrib["class"] == "budget"]
    over = [p for p in root.findall(f"{SVG}circle") if float(p.attrib["cy"]) < float(budget.attrib["y1"])]
    assert len(over) == 2
    texts = [e.text for e in root.findall(f"{SVG}text")]
    assert {"net", "conv", "block/a & b", "out", "budget", "tflite"} <= set(texts)


def test_nothing_to_draw_is_an_empty_plot() -> None:
    assert ET.fromstring(layer_plot("net", {})).findall(f"{SVG}circle") == []


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = layer_plot("net", LINES).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "http" not in text
    assert "href" not in text
