"""Whole conv nets: the numbers, and how many transposes are left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kexport.ir.dim import substitute
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.verifier import verify_graph
from kexport.lowered import contract_of
from kexport_onnx import TARGET
from kexport_onnx.legalize import legalize
from kexport_onnx.options import OnnxOptions
from tests.onnx import nets
from tests.onnx.helper import export, kinds, optimized_kinds, run

INSIDE = {nets.decoder: 1, nets.zero_padded_pools: 1, nets.any_size: 1}
"""Transposes left besides the one at the input: one for an output that is an image."""
SIZES = ({"batch": 2, "height": 17, "width": 23, "length": 11}, {"batch": 1, "height": 32, "width": 20, "length": 6})


def images(graph: Graph, sizes: dict[str, int]) -> dict[str, Array]:
    rng = np.random.default_rng(1)
    shapes = {v.name: [substitute(d, sizes) for d in v.type.shape] for v in graph.inputs}
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("net", nets.NETS)
@pytest.mark.parametrize("sizes", SIZES, ids=["odd", "even"])
def test_numbers(net: Callable[[], Graph], sizes: dict[str, int], tmp_path: Path) -> None:
    graph = net()
    inputs = images(graph, sizes)
    expected = evaluate(graph, inputs, wide=True)
    found = run(export(graph, tmp_path / "net.onnx", optimize=True), inputs)
    for name, want in expected.items():
        assert found[name].shape == want.shape
        np.testing.assert_allclose(found[name], want, rtol=0, atol=5e-6 * np.abs(want).max())


@pytest.mark.parametrize("net", nets.NETS)
def test_no_transposes_inside(net: Callable[[], Graph], tmp_path: Path) -> None:
    path = export(net(), tmp_path / "net.onnx", optimize=True)
    assert kinds(path)["Transpose"] == 1 + INSIDE.get(net, 0)


@pytest.mark.parametrize("net", nets.NETS)
def test_legalized_graphs_are_well_formed(net: Callable[[], Graph]) -> None:
    graph = net()
    inputs = images(graph, SIZES[0])
    expected = evaluate(graph, inputs, wide=True)
    legalize(graph, OnnxOptions())
    verify_graph(graph)
    for name, found in evaluate(graph, inputs, wide=True).items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-9, atol=1e-9)


def test_pads_are_folded_where_that_is_right(tmp_path: Path) -> None:
    path = export(nets.zero_padded_pools(), tmp_path / "net.onnx", optimize=True)
    assert kinds(path)["Pad"] == 1  # before the pool that may see negative numbers
    assert optimized_kinds(path)["Pad"] == 1  # ONNX Runtime must not merge it: its pools pad with minus infinity


def test_onnx_runtime_can_fuse_what_it_knows(tmp_path: Path) -> None:
    found = optimized_kinds(export(nets.plain(), tmp_path / "net.onnx", optimize=True))
    assert found == {
        "Transpose": 1,
        "FusedConv": 2,
        "MaxPool": 1,
        "AveragePool": 1,
        "GlobalAveragePool": 1,
        "Flatten": 1,
        "Gemm": 1,
    }


def test_dynamic_sizes_stay_symbolic_in_the_file(tmp_path: Path) -> None:
    graph = nets.any_size()
    path = export(graph, tmp_path / "net.onnx", optimize=True)
    assert TARGET.read_contract(path) == contract_of(graph)
    rows = graph.outputs[0].value.type.shape[1]
    assert str(TARGET.read_contract(path).outputs[0].type.shape[1]) == str(rows) == "6*((height+15)//16)"
