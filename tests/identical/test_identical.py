"""Hashes name what changed, and emission gives the same bytes twice."""

from __future__ import annotations

from kexport.ir.contract import Contract, Port
from kexport.ir.parser import parse_graph
from tests.identical.__main__ import differences
from tests.identical.emission import REFUSED, VARIANTS, Kept, emit_all

TEXT = 'graph "g" (%x: f32[n,4]) { %y = relu(%x) return "y": %y }'


def kept() -> Kept:
    graph = parse_graph(TEXT)
    outputs = tuple(Port(o.name, o.value.type) for o in graph.outputs)
    return Kept("g", graph, Contract(tuple(Port(v.name, v.type) for v in graph.inputs), outputs, 0, 0))


def test_two_emissions_are_the_same_bytes() -> None:
    first = emit_all(kept())
    assert first.keys() == VARIANTS.keys()
    assert REFUSED not in first.values()
    assert list(differences(first, emit_all(kept()))) == []


def test_each_difference_is_named() -> None:
    old = {"onnx": {"m.onnx": "a", "m.data": "b"}, "tfjs": {"refused": ""}}
    new = {"onnx": {"m.onnx": "c"}, "tfjs": {"model.json": "d"}}
    assert list(differences(old, new)) == [
        "onnx: m.data is gone",
        "onnx: m.onnx differs",
        "tfjs: model.json is new",
        "tfjs: refused is gone",
    ]
