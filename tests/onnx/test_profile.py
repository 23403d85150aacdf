"""Time by layer out of the profile of ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport_onnx.profile import layer_seconds
from kexport_onnx.runtime import OnnxRuntimeCpu
from tests.onnx import nets
from tests.onnx.helper import export

NODES = ["a/conv", "a/conv:2", "b", "loop"]


def kernel(name: str, ts: int, dur: int) -> dict[str, Any]:
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "args": {"op_name": "Any"}}


def run(ts: int, dur: int) -> dict[str, Any]:
    return {"cat": "Session", "name": "model_run", "ts": ts, "dur": dur, "args": {}}


def test_nodes_of_a_layer_are_added_and_others_are_the_rest() -> None:
    events = [
        run(0, 900),
        kernel("b", 1, 800),
        run(1000, 100),
        kernel("a/conv_nchwc", 1001, 20),
        kernel("fused a/conv:2", 1030, 10),
        kernel("b", 1050, 40),
        run(2000, 120),
        kernel("a/conv_nchwc", 2001, 30),
        kernel("ReorderOutput", 2040, 15),
        kernel("loop", 2060, 60),
        kernel("loop/body", 2070, 50),
        {"cat": "Node", "name": "b_fence_before", "ts": 2001, "dur": 7},
    ]
    found = layer_seconds(events, NODES, skip=1)
    assert found == pytest.approx({"": 30e-6, "a/conv": 30e-6, "loop": 30e-6, "b": 20e-6})
    assert list(found) == ["", "a/conv", "loop", "b"]


def test_no_runs_give_nothing() -> None:
    assert layer_seconds([run(0, 5)], NODES, skip=1) == {}


def test_a_real_profile_knows_the_layers(tmp_path: Path) -> None:
    graph = nets.plain()
    layers = {node.origin for node in graph.nodes}
    path = export(graph, tmp_path / "net.onnx")
    x = {"image": np.zeros((2, 16, 16, 3), np.float32)}
    found = OnnxRuntimeCpu().profile(path, x, runs=4)
    assert all(seconds >= 0 for seconds in found.values())
    assert any(name.startswith("block/conv_") for name in found)
    assert set(found) <= layers | {""}
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]
