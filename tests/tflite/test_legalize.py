"""The rules, without any runtime: a legalized graph means what the graph meant."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.errors import GraphError, UnsupportedError
from kexport.ir.dim import Dim, symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.text import to_text
from kexport.ir.types import DType, TensorType
from kexport.ir.verifier import verify_graph
from kexport.ops.window import transpose_size
from kexport_tflite.legalize import legalize
from kexport_tflite.options import TfliteOptions
from kexport_tflite.rules.transpose import sub_pixel_kernel
from tests.ops.case import Case
from tests.ops.cases import CASES
from tests.tflite.helper import assert_matches, legalized
from tests.tflite.nets import BATCH

H = symbol("height")
W = symbol("width")


def assert_same_meaning(graph: Graph, inputs: dict[str, Any], rounding: float = 1e-12) -> Graph:
    after = legalized(graph)
    verify_graph(after)
    assert_matches(evaluate(after, inputs, wide=True), evaluate(graph, inputs, wide=True), rounding)
    again = to_text(after)
    legalize(after, TfliteOptions())
    assert to_text(after) == again
    return after


@pytest.mark.parametrize("static", [False, True], ids=["dynamic", "static"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_meaning_is_kept(case: Case, static: bool) -> None:
    """Up to what float64 loses in constants that are float32, such as the weights of a resize."""
    assert_same_meaning(case.graph(static=static), case.inputs(), 1e-6)


def _single(op: Any, shape: tuple[Dim, ...], *weights: tuple[int, ...]) -> Graph:
    graph = Graph()
    rng = np.random.default_rng(0)
    constants = [graph.constant(rng.normal(size=w).astype(np.float32)) for w in weights]
    graph.output("y", graph.add(op, graph.input("x", TensorType(DType.F32, shape)), *constants, origin="layer").output)
    return graph


def _input(*shape: int) -> dict[str, Any]:
    return {"x": np.random.default_rng(1).normal(size=shape).astype(np.float32)}


PADDINGS: list[Any] = ["same", "valid", ((1, 0), (0, 2)), ((0, 1), (2, 1))]
STRIDES = [(1, 1), (2, 2), (3, 3), (2, 3)]
WINDOWS = [(1, 1), (2, 3), (3, 3), (4, 4), (5, 2)]


def _transposed() -> list[Any]:
    """Every combination that cuts off no more than a window spans and leaves something."""
    found: list[Any] = []
    for padding, strides, window, dilation, extra in product(
        PADDINGS, STRIDES, WINDOWS, [(1, 1), (2, 1)], [None, (0, 0), (1, 0)]
    ):
        each = [padding] * 2 if isinstance(padding, str) else padding
        sizes = zip((4, 5), window, strides, dilation, each, extra or (None, None), strict=True)
        outs = [transpose_size(*size) for size in sizes]
        spans = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
        cut = [0 if isinstance(p, str) else sum(p) for p in each]
        if min(outs) >= 1 and all(c <= s for c, s in zip(cut, spans, strict=True)):
            found.append((ops.ConvTranspose(strides, padding, extra, dilation), window))
    return found


@pytest.mark.parametrize(("op", "window"), _transposed(), ids=str)
def test_transposed_convolutions(op: ops.ConvTranspose, window: tuple[int, int]) -> None:
    graph = _single(op, (BATCH, 4, 5, 3), (*window, 2, 3), (2,))
    after = assert_same_meaning(graph, _input(2, 4, 5, 3))
    assert not any(isinstance(n.op, ops.ConvTranspose) for n in after.nodes)


def test_a_transposed_convolution_of_any_image() -> None:
    op = ops.ConvTranspose((2, 2), "same", None, (1, 1), 2, "relu")
    graph = _single(op, (BATCH, H, W, 4), (3, 3, 3, 4), (6,))
    for size in ((4, 5), (7, 3)):
        assert_same_meaning(graph, _input(2, *size, 4))


def test_the_kernel_of_sub_pixels_holds_the_same_taps() -> None:
    kernel = np.arange(9.0).reshape(3, 3, 1, 1)
    phases = sub_pixel_kernel(kernel, (2, 2), (1, 1))
    assert phases.shape == (2, 2, 1, 4)
    assert sorted(phases[phases != 0]) == sorted(kernel[kernel != 0])
    assert phases[1, 1, 0].tolist() == [0, 1, 3, 4]


@pytest.mark.parametrize(
    "op",
    [
        ops.ConvTranspose((2, 2, 2), "same", None, (1, 1, 1)),
        ops.ConvTranspose((2, 1, 3), "valid", None, (1, 1, 1)),
        ops.ConvTranspose((2, 2, 2), "same", (1, 0, 1), (1, 1, 1)),
        ops.ConvTranspose((1, 1, 1), "valid", None, (2, 1, 2)),
        ops.ConvTranspose((2, 2, 2), ((0, 1), (1, 0), (1, 1)), None, (1, 1, 1), 1, "relu"),
    ],
)
def test_transposed_convolutions_over_three_axes(op: ops.ConvTranspose) -> None:
    after = assert_same_meaning(_single(op, (BATCH, 3, 4, 2, 2), (2, 3, 2, 3, 2), (3,)), _input(2, 3, 4, 2, 2))
    forms = [n.op for n in after.nodes if isinstance(n.op, ops.ConvTranspose)]
    assert [set(f.dilation) for f in forms] == [{1}]


@pytest.mark.parametrize("padding", ["same", "valid", ((1, 0), (0, 1), (1, 1))], ids=str)
@pytest.mark.parametrize("kind", [ops.MaxPool, ops.AvgPool])
def test_pools_over_three_axes(kind: Any, padding: Any) -> None:
    graph = _single(kind((2, 3, 2), (2, 2, 1), padding), (BATCH, 5, 6, 4, 3))
    assert_same_meaning(graph, _input(2, 5, 6, 4, 3), 1e-7)


@pytest.mark.parametrize("kind", [ops.MaxPool, ops.AvgPool])
@pytest.mark.parametrize("shape", [(BATCH, 6, 7, 3), (BATCH, H, W, 3)], ids=["fixed", "any"])
def test_pools_with_explicit_padding(kind: Any, shape: Any) -> None:
    assert_same_meaning(_single(kind((3, 3), (2, 2), ((1, 0), (2, 1))), shape), _input(2, 6, 7, 3), 1e-7)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kind", [ops.MaxPool, ops.AvgPool])
def test_pools_of_one_pixel(kind: Any, padding: str) -> None:
    assert_same_meaning(_single(kind((1, 1), (2, 3), padding), (BATCH, 6, 7, 3)), _input(2, 6, 7, 3))


def test_what_is_not_negative_is_padded_with_zeros() -> None:
    graph = Graph()
    x = graph.add(ops.Relu(), graph.input("x", TensorType(DType.F32, (BATCH, 6, 6, 3)))).output
    graph.output("y", graph.add(ops.MaxPool((3, 3), (2, 2), ((1, 1), (1, 1))), x).output)
    after = assert_same_meaning(graph, _input(2, 6, 6, 3))
    (pad,) = [n.op for n in after.nodes if isinstance(n.op, ops.Pad)]
    assert pad.value == 0


@pytest.mark.parametrize(
    ("kind", "shape", "kernel"),
    [
        (ops.Conv, (BATCH, 5, 6, 4, 4), (2, 2, 2, 2, 6)),
        (ops.Conv, (BATCH, 9, 4), (3, 2, 6)),
    ],
)
def test_groups(kind: Any, shape: Any, kernel: Any) -> None:
    axes = len(kernel) - 2
    op = kind((1,) * axes, "same", (1,) * axes, 2, "relu")
    sizes = [2 if d == BATCH else d for d in shape]
    assert_same_meaning(_single(op, shape, kernel, (6,)), _input(*sizes))


def test_lines_of_any_length_in_batches_of_any_size() -> None:
    """Batch as height: the axes that a convolution adds and the next one drops again meet and cancel."""
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, symbol("length"), 3)))
    rng = np.random.default_rng(0)
    for _ in range(3):
        k = graph.constant(rng.normal(size=(2, 3, 3)).astype(np.float32))
        x = graph.add(ops.Conv((1,), "same", (1,), 1, "relu"), x, k).output
    graph.output("y", graph.add(ops.MaxPool((2,), (2,), "same"), x).output)
    after = assert_same_meaning(graph, _input(3, 5, 3))
    names = [n.op.name for n in after.nodes]
    assert names == ["mul", "conv", "conv", "conv", "max_pool", "reduce_sum"]


@pytest.mark.parametrize("size", [(4, 4), (3, 7), (5, 6), (13, 4), (49, 98)], ids=str)
def test_nearest_positions_are_exact(size: tuple[int, int]) -> None:
    graph = _single(ops.Resize(size), (BATCH, 7, 10, 1))
    assert_same_meaning(graph, _input(1, 7, 10, 1))


def test_where_float32_rounds_another_way_rows_are_gathered() -> None:
    graph = _single(ops.Resize((41, 3)), (BATCH, 123, 9, 1))
    gathered = _single(ops.Resize((46, 3)), (BATCH, 23 * 9, 9, 1))
    for g, rows in ((graph, 123), (gathered, 207)):
        assert_same_meaning(g, _input(1, rows, 9, 1))


UNSUPPORTED = {
    "complex": (ops.Neg(), TensorType(DType.C64, (2,)), (), "TF Lite knows no complex numbers"),
    "strings": (ops.Equal(), TensorType(DType.STRING, (2,)), ("x",), "it works on text"),
    "six padded axes": (
        ops.Pad(((1, 1),) * 6),
        TensorType(DType.F32, (2,) * 6),
        (),
        "tensors of 6 axes; TF Lite takes 5 at most here",
    ),
    "seven reduced axes": (ops.ReduceSum((0,)), TensorType(DType.F32, (1,) * 7), (), "tensors of 7 axes"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_reasons(name: str) -> None:
    op, type, more, reason = UNSUPPORTED[name]
    graph = Graph()
    x = graph.input("x", type)
    graph.output("y", graph.add(op, x, *(x for _ in more), origin="block/layer").output)
    with pytest.raises(UnsupportedError, match=f"block/layer: {op.name}: {reason}") as e:
        legalized(graph)
    assert len(e.value.items) == 1


TRANSPOSED = "a transposed convolution whose kernel, bias or padding is computed"
GROUPS = "groups over three axes whose kernel or bias is computed"
COMPUTED = {
    "kernel": (ops.ConvTranspose((2, 2), "same", None, (1, 1)), (1, 4, 4, 2), [(3, 3, 2, 2)], TRANSPOSED),
    "bias": (ops.ConvTranspose((2, 2), "same", None, (1, 1)), (1, 4, 4, 2), [(3, 3, 2, 2), (2,)], TRANSPOSED),
    "3-D kernel": (
        ops.ConvTranspose((1,) * 3, "same", None, (1,) * 3),
        (1, 4, 4, 4, 2),
        [(3, 3, 3, 2, 2)],
        "a transposed convolution whose kernel is computed",
    ),
    "groups": (ops.Conv((1,) * 3, "same", (1,) * 3, 2), (1, 4, 4, 4, 4), [(2, 2, 2, 2, 4)], GROUPS),
    "depthwise": (ops.DepthwiseConv((1,) * 3, "same", (1,) * 3), (1, 4, 4, 4, 2), [(2, 2, 2, 2, 1)], GROUPS),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_computed_weights_are_refused_where_rules_need_constants(name: str) -> None:
    op, shape, weights, reason = COMPUTED[name]
    graph = Graph()
    values = [graph.input(f"v{i}", TensorType(DType.F32, s)) for i, s in enumerate([shape, *weights])]
    graph.output("y", graph.add(op, *values, origin="up").output)
    with pytest.raises(UnsupportedError, match=f"up: {op.name}: {reason}"):
        legalized(graph)


def test_a_crop_that_depends_on_the_image_is_refused() -> None:
    op = ops.ConvTranspose((2, 2), ((H // 8, 0), (0, 0)), None, (1, 1))
    with pytest.raises(UnsupportedError, match=TRANSPOSED):
        legalized(_single(op, (BATCH, H, 8, 2), (3, 3, 2, 2)))


def test_scattering_the_greatest_into_a_dynamic_size_is_refused() -> None:
    graph = Graph()
    data = graph.input("data", TensorType(DType.F32, (BATCH, 3)))
    at = graph.input("at", TensorType(DType.I32, (2, 1)))
    new = graph.input("new", TensorType(DType.F32, (2, 3)))
    graph.output("y", graph.add(ops.ScatterNd("max"), data, at, new, origin="pool").output)
    with pytest.raises(UnsupportedError, match="pool: scatter_nd: scattering with max into a dynamic size"):
        legalized(graph)


def test_all_reasons_at_once() -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.C64, (2,)))
    y = graph.add(ops.Neg(), graph.add(ops.Neg(), x, origin="a").output, origin="b").output
    graph.output("y", y)
    with pytest.raises(UnsupportedError) as e:
        legalized(graph)
    assert [i.where for i in e.value.items] == ["a", "b"]


def test_floats_are_divided_by_zero_too() -> None:
    """FLOOR_DIV ends the run there."""
    graph = Graph()
    type = TensorType(DType.F32, (2,))
    graph.output("y", graph.add(ops.FloorDiv(), graph.input("a", type), graph.input("b", type), origin="layer").output)
    after = assert_same_meaning(graph, {"a": np.array([5.5, -5.5], np.float32), "b": np.array([2, 2], np.float32)})
    assert [n.op for n in after.nodes] == [ops.Div(), ops.Floor()]


def test_rules_come_to_rest() -> None:
    """A deep stack of everything that rules rewrite into each other."""
    graph = Graph()
    x = graph.input("x", TensorType(DType.F16, (BATCH, 8)))
    for _ in range(40):
        x = graph.add(ops.Mish(), graph.add(ops.Selu(), graph.add(ops.Expm1(), x).output).output).output
    graph.output("y", x)
    try:
        legalized(graph)
    except GraphError as e:
        pytest.fail(str(e))
