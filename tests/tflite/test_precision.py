"""float16 weights: half the file, float32 arithmetic, still one partition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kexport import ops
from kexport.errors import ConfigError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_tflite.options import TfliteOptions
from tests.tflite.helper import RUNTIMES, export, operators, partitions, run
from tests.tflite.nets import BATCH, Layers


def _wide_net() -> Graph:
    n = Layers(BATCH, 8, 8, 16)
    x = n.add(ops.Conv((1, 1), "same", (1, 1), 1, "relu"), n.x, n.weight(3, 3, 16, 64), n.weight(64))
    x = n.add(ops.DepthwiseConv((1, 1), "same", (1, 1)), x, n.weight(3, 3, 64, 2), n.weight(128))
    x = n.add(ops.Conv((1, 1), "same", (1, 1), 4), x, n.weight(3, 3, 32, 64))
    return n.done(n.dense(n.dense(n.add(ops.ReduceMean((1, 2)), x), 256, "relu"), 10))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_float16(runtime: str, tmp_path: Path) -> None:
    graph = _wide_net()
    inputs = {"x": np.random.default_rng(0).normal(size=(2, 8, 8, 16)).astype(np.float32)}
    half = export(graph, tmp_path / "half.tflite", precision="float16")
    full = export(graph, tmp_path / "full.tflite")
    assert half.stat().st_size < 0.6 * full.stat().st_size
    assert operators(half)["DEQUANTIZE"] == 5
    assert partitions(half, {"x": (2, 8, 8, 16)}).count == 1
    want = evaluate(graph, inputs, wide=True)["y"]
    error = np.abs(run(half, inputs, runtime)["y"] - want).max() / np.abs(want).max()
    assert 1e-6 < error < 2e-3


def test_small_and_out_of_range_constants_stay_in_float32(tmp_path: Path) -> None:
    n = Layers(BATCH, 64)
    huge = n.graph.constant(np.full((64, 64), 1e6, np.float32))
    x = n.add(ops.Dense(), n.x, huge, n.weight(64))
    path = export(n.done(n.dense(x, 8)), tmp_path / "model.tflite", precision="float16")
    assert operators(path) == {"FULLY_CONNECTED": 2}


def test_weights_in_float16_stay_so(tmp_path: Path) -> None:
    """A float16 graph keeps its weights' size, with the option or without."""
    rng = np.random.default_rng(0)
    graph = Graph()
    x = graph.input("x", TensorType(DType.F16, (BATCH, 64)))
    w = graph.constant(rng.normal(size=(64, 256)).astype(np.float16), "w")
    graph.output("y", graph.add(ops.Dense(), x, w).output)
    path = export(graph, tmp_path / "model.tflite")
    assert path.stat().st_size < w.data.nbytes + 4096  # type: ignore[union-attr]
    assert operators(path) == {"CAST": 2, "DEQUANTIZE": 1, "FULLY_CONNECTED": 1}
    inputs = {"x": rng.normal(size=(2, 64)).astype(np.float16)}
    found = run(path, inputs)["y"]
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, evaluate(graph, inputs, wide=True)["y"], rtol=2e-3, atol=2e-2)
    assert contract_of(graph).outputs[0].type.dtype is DType.F16


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="precision 'int3' is not supported"):
        TfliteOptions(precision="int3")
    with pytest.raises(ConfigError, match="mean and std belong together"):
        TfliteOptions(mean="127.5")
    with pytest.raises(ConfigError, match="mean must be numbers, got 'grey'"):
        TfliteOptions(mean="grey", std="1")
    with pytest.raises(ConfigError, match="std must not be 0"):
        TfliteOptions(mean="1", std="0")
