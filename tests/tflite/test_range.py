"""Functions over the whole range of float32, in every engine: what a kernel does at its ends is seen in no net."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kexport import ops
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType, TensorType
from kexport_tflite import TARGET
from tests.tflite.helper import export, operators

NUMBERS = np.concatenate([np.logspace(-37.9, 38.5, 4001), [1, 2**100, 2**126, 2**127]]).astype(np.float32)
RUNTIMES = [r for r in TARGET.runtimes() if r.name in ("litert-xnnpack", "litert-reference")]


def root() -> tuple[Graph, Value]:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (1, len(NUMBERS))))
    return graph, x


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda r: r.name)
def test_one_over_a_root_of_every_number(runtime, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    graph, x = root()
    graph.output("y", graph.add(ops.Rsqrt(), x).output)
    session = runtime.load(export(graph, tmp_path / "m.tflite"))
    found = session.run({"x": NUMBERS[None]})["y"][0]
    np.testing.assert_allclose(found, 1 / np.sqrt(NUMBERS.astype(np.float64)), rtol=3e-7)
    ends = NUMBERS.copy()
    ends[:3] = 0, np.nan, -1
    found = session.run({"x": ends[None]})["y"][0]
    assert found[0] == np.inf or (runtime.name == "litert-reference" and found[0] == np.finfo(np.float32).max)
    assert np.isnan(found[1:3]).all()


def test_a_root_of_what_something_is_added_to_stays_one_operator(tmp_path: Path) -> None:
    graph, x = root()
    moved = graph.add(ops.Add(), graph.add(ops.Square(), x).output, graph.constant(np.float32(1e-6))).output
    graph.output("y", graph.add(ops.Rsqrt(), moved).output)
    assert operators(export(graph, tmp_path / "m.tflite"))["RSQRT"] == 1
