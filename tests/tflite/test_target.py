"""The target as a whole: what it needs, what it refuses to write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kexport import ops
from kexport.errors import EmitError, UnsupportedError
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport.target import find_target
from kexport_tflite import TARGET, target
from kexport_tflite.options import TfliteOptions
from tests.tflite.helper import legalized, run
from tests.tflite.nets import BATCH


def _relu(dtype: str = "f32") -> Graph:
    graph = Graph()
    x = graph.input("x", TensorType(DType(dtype), (BATCH, 3)))
    graph.output("y", graph.add(ops.Relu(), x).output)
    return graph


def test_it_is_found_by_name() -> None:
    assert find_target("tflite") is TARGET


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TARGET.missing() == []
    monkeypatch.setattr(target, "find_spec", lambda name: None)
    assert TARGET.missing() == ["ai-edge-litert", "flatbuffers"]


def test_a_contract_of_other_names_is_an_error(tmp_path: Path) -> None:
    graph = _relu()
    renamed = Contract((Port("z", graph.inputs[0].type),), contract_of(graph).outputs)
    with pytest.raises(EmitError, match="the contract has the inputs"):
        TARGET.write(legalized(graph), renamed, tmp_path / "m.tflite", TfliteOptions())
    assert list(tmp_path.iterdir()) == []


def test_text_does_not_go_through(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("words", TensorType(DType.STRING, (BATCH,)))
    graph.output("y", x)
    with pytest.raises(EmitError, match="TF Lite models cannot take or give text: words, y"):
        TARGET.write(graph, contract_of(graph), tmp_path / "m.tflite", TfliteOptions())


def test_ops_are_checked_before_a_byte_is_written(tmp_path: Path) -> None:
    graph = _relu("f64")
    with pytest.raises(UnsupportedError, match="float64"):
        TARGET.write(graph, contract_of(graph), tmp_path / "m.tflite", TfliteOptions())
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_no_input_has_is_an_error(tmp_path: Path) -> None:
    graph = _relu()
    rows = graph.add(ops.Iota(symbol("elsewhere"), DType.I32), origin="count").output
    graph.output("rows", rows)
    with pytest.raises(EmitError, match="count: no input has a dimension elsewhere"):
        TARGET.write(legalized(graph), contract_of(graph), tmp_path / "m.tflite", TfliteOptions())


def test_sizes_as_data(tmp_path: Path) -> None:
    """Arithmetic on sizes that no tensor has: sums, products, quotients, the greater of two."""
    n = symbol("n")
    m = symbol("m")
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (n, m)))
    dims = (n, 2 * n + 3, n * m, (n + 5) // 4, 7, m)
    for dtype in ("i32", "i64"):
        graph.output(dtype, graph.add(ops.Dims(dims, DType(dtype))).output)
    graph.output("x", graph.add(ops.Neg(), x).output)
    path = tmp_path / "m.tflite"
    TARGET.write(legalized(graph), contract_of(graph), path, TfliteOptions())
    for sizes in ((2, 5), (9, 4)):
        found = run(path, {"x": np.zeros(sizes, np.float32)})
        wanted = [sizes[0], 2 * sizes[0] + 3, sizes[0] * sizes[1], (sizes[0] + 5) // 4, 7, sizes[1]]
        assert found["i32"].tolist() == found["i64"].tolist() == wanted
        assert found["i64"].dtype == np.int64
