"""XNNPACK takes whole nets: one partition, nothing left beside it, whatever the batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kexport import ops
from kexport.ir.dim import Dim, symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from tests.tflite.helper import assert_matches, export, operators, partitions, run
from tests.tflite.nets import BATCH, LENGTH, causal_line, conv_net, encoder

WHOLE: dict[str, tuple[Callable[[Dim], Graph], tuple[int, ...]]] = {
    "conv_net": (conv_net, (16, 16, 3)),
    "encoder": (encoder, (12, 16)),
    "causal_line": (causal_line, (20, 8)),
}


def _inputs(*shape: int) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(1).normal(size=shape).astype(np.float32)}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("batch", [1, BATCH], ids=["static", "dynamic"])
def test_one_partition(name: str, batch: Dim, tmp_path: Path) -> None:
    make, shape = WHOLE[name]
    graph = make(batch)
    path = export(graph, tmp_path / "model.tflite")
    sizes = [1] if batch == 1 else [1, 3]
    for size in sizes:
        assert partitions(path, {"x": (size, *shape)}) == (1, Counter()), size
        inputs = _inputs(size, *shape)
        assert_matches(run(path, inputs), evaluate(graph, inputs, wide=True), 5e-6)


def test_image_size_may_be_dynamic_too(tmp_path: Path) -> None:
    graph = conv_net(BATCH, symbol("size"))
    path = export(graph, tmp_path / "model.tflite")
    for batch, size in ((1, 16), (2, 24)):
        inputs = _inputs(batch, size, size, 3)
        assert partitions(path, {"x": inputs["x"].shape}) == (1, Counter())
        assert_matches(run(path, inputs), evaluate(graph, inputs, wide=True), 5e-6)


def test_an_encoder_of_any_length_leaves_reshapes_only(tmp_path: Path) -> None:
    """Batch and length both unknown: a RESHAPE then needs sizes computed when memory is planned."""
    graph = encoder(BATCH, LENGTH)
    path = export(graph, tmp_path / "model.tflite")
    for batch, length in ((1, 5), (3, 9)):
        inputs = _inputs(batch, length, 16)
        left = partitions(path, {"x": inputs["x"].shape}).left
        assert set(left) <= {"SHAPE", "STRIDED_SLICE", "CONCATENATION", "RESHAPE"}
        assert_matches(run(path, inputs), evaluate(graph, inputs, wide=True), 5e-6)


def test_a_line_of_any_length_is_one_partition(tmp_path: Path) -> None:
    graph = causal_line(BATCH, LENGTH)
    path = export(graph, tmp_path / "model.tflite")
    assert partitions(path, {"x": (2, 11, 8)}) == (1, Counter())
    inputs = _inputs(2, 11, 8)
    assert_matches(run(path, inputs), evaluate(graph, inputs, wide=True), 5e-6)


def _single(op: ops.Op, shape: tuple[Dim, ...], *weights: tuple[int, ...]) -> Graph:  # type: ignore[name-defined]
    graph = Graph()
    rng = np.random.default_rng(0)
    values = [graph.constant(rng.normal(size=w).astype(np.float32)) for w in weights]
    graph.output("y", graph.add(op, graph.input("x", TensorType(DType.F32, shape)), *values, origin="layer").output)
    return graph


FORMS = {
    "3-D dense": (ops.Dense("relu"), (BATCH, 5, 8), ((8, 4), (4,)), {"FULLY_CONNECTED": 1}),
    "product with a constant": (ops.MatMul(transpose_b=True), (BATCH, 5, 8), ((4, 8),), {"FULLY_CONNECTED": 1}),
    "dilated": (ops.Conv((1, 1), "same", (2, 2)), (BATCH, 8, 8, 4), ((3, 3, 4, 4),), {"CONV_2D": 1}),
    "groups": (ops.Conv((1, 1), "same", (1, 1), 2), (BATCH, 8, 8, 4), ((3, 3, 2, 6),), {"CONV_2D": 1}),
    "groups of one": (ops.Conv((1, 1), "same", (1, 1), 4), (BATCH, 8, 8, 4), ((3, 3, 1, 8),), {"DEPTHWISE_CONV_2D": 1}),
    "multiplier": (
        ops.DepthwiseConv((1, 1), "same", (2, 2)),
        (BATCH, 8, 8, 4),
        ((3, 3, 4, 3),),
        {"DEPTHWISE_CONV_2D": 1},
    ),
    "1-D": (ops.Conv((1,), "same", (1,)), (BATCH, 9, 4), ((3, 4, 4),), {"RESHAPE": 2, "CONV_2D": 1}),
    "transposed": (
        ops.ConvTranspose((2, 2), "same", None, (1, 1)),
        (BATCH, 8, 8, 4),
        ((3, 3, 6, 4),),
        {"PAD": 1, "CONV_2D": 1, "DEPTH_TO_SPACE": 1},
    ),
    "softmax of another axis": (ops.Softmax(1), (BATCH, 5, 8), (), {"TRANSPOSE": 2, "SOFTMAX": 1}),
    "bilinear": (ops.Resize((7, 5), "bilinear"), (BATCH, 4, 6, 3), (), {"RESIZE_BILINEAR": 1}),
    "slice": (ops.Slice((0, 1, 2), (BATCH, 4, 7), (1, 1, 1)), (BATCH, 5, 8), (), {"STRIDED_SLICE": 1}),
    "split of six": (ops.Split(-1, (2,) * 4), (BATCH, 5, 8), (), {"SPLIT": 1}),
    "expanded axis": (ops.Reshape((BATCH, 1, 5, 8)), (BATCH, 5, 8), (), {"RESHAPE": 1}),
    "broadcast": (ops.BroadcastTo((BATCH, 5, 8)), (BATCH, 1, 8), (), {"MUL": 1}),
    "clip": (ops.Clip(-1.0, 1.0), (BATCH, 5), (), {"RELU_N1_TO_1": 1}),
    "hard silu": (ops.HardSilu(), (BATCH, 5), (), {"HARD_SWISH": 1}),
    "gelu": (ops.Gelu(True), (BATCH, 5), (), {"GELU": 1}),
    "prelu": (ops.Prelu(), (BATCH, 5, 5, 4), ((5, 4),), {"PRELU": 1}),
    "log softmax": (ops.LogSoftmax(), (BATCH, 5), (), {"REDUCE_MAX": 1, "SUB": 2, "EXP": 1, "SUM": 1, "LOG": 1}),
    "every other pixel": (ops.MaxPool((1, 1), (2, 2), "valid"), (BATCH, 8, 8, 4), (), {"DEPTHWISE_CONV_2D": 1}),
    "3-D max pool": (
        ops.MaxPool((2, 2, 2), (2, 2, 2), "same"),
        (BATCH, 4, 6, 6, 3),
        (),
        {"RESHAPE": 3, "MAX_POOL_2D": 2},
    ),
}
"""Op, input, weights, and the operators it becomes; XNNPACK takes them all."""


@pytest.mark.parametrize("name", FORMS)
def test_form(name: str, tmp_path: Path) -> None:
    op, shape, weights, wanted = FORMS[name]
    graph = _single(op, shape, *weights) if not isinstance(op, ops.Split) else _split(op, shape)
    path = export(graph, tmp_path / "model.tflite")
    assert operators(path) == wanted
    assert partitions(path) == (1, Counter())


def _split(op: ops.Split, shape: tuple[Dim, ...]) -> Graph:
    graph = Graph()
    for i, piece in enumerate(graph.add(op, graph.input("x", TensorType(DType.F32, shape))).outputs):
        graph.output(f"y{i}", piece)
    return graph


def test_nearest_upsampling_inside_a_net_and_at_its_end(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, 4, 6, 3)))
    y = graph.add(ops.Resize((8, 12)), x).output
    graph.output("y", graph.add(ops.Exp(), y).output)
    path = export(graph, tmp_path / "inside.tflite")
    assert operators(path) == {"RESHAPE": 2, "MUL": 1, "EXP": 1}
    assert partitions(path) == (1, Counter())
    alone = export(_single(ops.Resize((8, 12)), (BATCH, 4, 6, 3)), tmp_path / "end.tflite")
    assert operators(alone) == {"RESIZE_NEAREST_NEIGHBOR": 1}


@pytest.mark.parametrize(("count", "wanted"), [(5, 1), (6, 2), (27, 8)])
def test_many_operands_are_concatenated_by_fives(count: int, wanted: int, tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, 2)))
    parts = [graph.add(ops.Mul(), x, graph.constant(np.float32(i))).output for i in range(count)]
    graph.output("y", graph.add(ops.Concat(-1), *parts).output)
    path = export(graph, tmp_path / "model.tflite")
    assert operators(path)["CONCATENATION"] == wanted
    assert partitions(path) == (1, Counter())


@pytest.mark.parametrize("sizes", [(3, 5), (2,) * 6])
def test_uneven_and_many_pieces_are_slices(sizes: tuple[int, ...], tmp_path: Path) -> None:
    graph = _split(ops.Split(-1, sizes), (BATCH, sum(sizes)))
    path = export(graph, tmp_path / "model.tflite")
    assert operators(path) == {"STRIDED_SLICE": len(sizes)}
    assert partitions(path).left == Counter()


def test_activations_are_fused_where_xnnpack_takes_them(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, 8)))
    w = graph.constant(np.eye(8, dtype=np.float32))
    y = graph.add(ops.Relu6(), graph.add(ops.Dense(), x, w).output).output
    y = graph.add(ops.Relu(), graph.add(ops.Add(), x, y).output).output
    graph.output("y", graph.add(ops.Dense("tanh"), y, w).output)
    path = export(graph, tmp_path / "model.tflite")
    assert operators(path) == {"FULLY_CONNECTED": 2, "ADD": 1, "TANH": 1}
    inputs = {"x": np.linspace(-9, 9, 16, dtype=np.float32).reshape(2, 8)}
    assert_matches(run(path, inputs), evaluate(graph, inputs, wide=True))
