"""Value ranges read off graphs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kexport.evidence.ranges import MASK, PIXELS, Range, input_ranges
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph, Value
from kexport.ir.op import OPS
from kexport.ir.types import DType, TensorType
from kexport.ops import (
    Add,
    Cast,
    Concat,
    Div,
    Gather,
    Less,
    Mul,
    OneHot,
    Relu,
    Reshape,
    Select,
    Slice,
    Sub,
    Transpose,
)

BATCH = symbol("batch")


def build(type: TensorType, body: Callable[[Graph, Value], Value]) -> Range:
    graph = Graph()
    x = graph.input("x", type)
    graph.output("y", body(graph, x))
    return input_ranges(graph)["x"]


def table(graph: Graph, rows: int) -> Value:
    return graph.constant(np.zeros((rows, 4), np.float32))


def ids(dtype: DType = DType.I32) -> TensorType:
    return TensorType(dtype, (BATCH, 6))


def embed(graph: Graph, x: Value, rows: int = 50) -> Value:
    return graph.add(Gather(axis=0), table(graph, rows), x).output


def through_layout(graph: Graph, x: Value) -> Value:
    flat = graph.add(Reshape(shape=(BATCH * 6,)), x).output
    part = graph.add(Slice(begin=(0,), end=(5,), strides=(1,)), flat).output
    twice = graph.add(Concat(axis=0), part, part).output
    return embed(graph, graph.add(Cast(dtype=DType.I64), twice).output)


def negative_indices(graph: Graph, x: Value) -> Value:
    """select(x < 0, x + 50, x), as keras.ops.take does."""
    below = graph.add(Less(), x, graph.constant(np.int32(0))).output
    moved = graph.add(Add(), x, graph.constant(np.int32(50))).output
    return embed(graph, graph.add(Select(), below, moved, x).output)


def offset(graph: Graph, x: Value) -> Value:
    return embed(graph, graph.add(Sub(), x, graph.constant(np.int32(3))).output)


def two_tables(graph: Graph, x: Value) -> Value:
    return graph.add(Add(), embed(graph, x), embed(graph, x, 20)).output


def float_ids(graph: Graph, x: Value) -> Value:
    return embed(graph, graph.add(Cast(dtype=DType.I32), x).output)


def one_hot(graph: Graph, x: Value) -> Value:
    return graph.add(OneHot(depth=7, dtype=DType.F32), x).output


@pytest.mark.parametrize(
    ("type", "body", "expected"),
    [
        pytest.param(ids(), embed, Range("integers", 0, 49), id="gather"),
        pytest.param(ids(), through_layout, Range("integers", 0, 49), id="layout"),
        pytest.param(ids(), negative_indices, Range("integers", 0, 49), id="negative-indices"),
        pytest.param(ids(), offset, Range("integers", 3, 52), id="offset"),
        pytest.param(ids(), two_tables, Range("integers", 0, 19), id="smallest-of-two"),
        pytest.param(ids(), one_hot, Range("integers", 0, 6), id="one-hot"),
        pytest.param(ids(DType.F32), float_ids, Range("integers", 0, 49), id="float-indices"),
        pytest.param(ids(DType.U8), lambda g, x: embed(g, x, 1000), Range("integers", 0, 255), id="uint8"),
        pytest.param(ids(), lambda g, x: g.add(Add(), x, x).output, Range("integers", 0, 9), id="no-index"),
        pytest.param(ids(DType.BOOL), lambda g, x: x, Range("integers", 0, 1), id="bool"),
        pytest.param(ids(DType.F32), lambda g, x: g.add(Relu(), x).output, Range("normal"), id="float"),
    ],
)
def test_integer_ranges(type: TensorType, body: Callable[[Graph, Value], Value], expected: Range) -> None:
    assert build(type, body) == expected


def scaled(op: object, *values: float) -> Callable[[Graph, Value], Value]:
    def body(graph: Graph, x: Value) -> Value:
        return graph.add(op, x, graph.constant(np.array(values, np.float32))).output  # type: ignore[arg-type]

    return body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(scaled(Mul(), 1 / 255), PIXELS, id="x/255"),
        pytest.param(scaled(Mul(), 1 / 127.5), PIXELS, id="x/127.5"),
        pytest.param(scaled(Div(), 255), PIXELS, id="div"),
        pytest.param(scaled(Sub(), 123.7, 116.8, 103.9), PIXELS, id="mean"),
        pytest.param(scaled(Mul(), 0.5), Range("normal"), id="mul"),
        pytest.param(scaled(Sub(), 0.5), Range("normal"), id="sub"),
        pytest.param(scaled(Mul(), np.nan), Range("normal"), id="nan"),
    ],
)
def test_rescaled_inputs_are_images(body: Callable[[Graph, Value], Value], expected: Range) -> None:
    assert build(TensorType(DType.F32, (BATCH, 8, 8, 3)), body) == expected


def test_transposed_image_is_still_normal() -> None:
    image = TensorType(DType.F32, (BATCH, 8, 8, 3))
    assert build(image, lambda g, x: g.add(Transpose(perm=(0, 3, 1, 2)), x).output) == Range("normal")


def test_op_names_exist() -> None:
    named = {"gather", "gather_nd", "scatter_nd", "one_hot", "select", "add", "sub", "mul", "div"}
    assert named <= OPS.keys()


def inverted(graph: Graph, x: Value) -> Value:
    one = graph.constant(np.ones((1, 1), np.float32))
    return graph.add(Sub(), one, graph.add(Cast(dtype=DType.F32), x).output).output


def test_what_is_taken_from_one_is_a_mask() -> None:
    assert build(ids(), inverted) == MASK
    assert build(ids(DType.BOOL), inverted) == MASK
    assert build(TensorType(DType.F32, (BATCH, 6)), inverted).kind == "normal"
    assert build(TensorType(DType.I32, (BATCH,)), inverted).kind == "integers"
    assert build(ids(), lambda g, x: g.add(Sub(), x, g.constant(np.ones(1, np.int32))).output).kind == "integers"


def test_sequences_that_are_searched_in_are_sorted() -> None:
    from kexport.evidence.batches import make_batch
    from kexport.ir.parser import parse_graph

    text = (
        'graph "g" (%s: f32[n,6], %v: f32[n,4]) {{ %a = reshape(%s) {{shape=[n, 1, 6]}} '
        "%b = reshape(%v) {{shape=[n, 4, 1]}} %m = {op}(%{first}, %{second}) %c = cast(%m) {{dtype=i32}} "
        '%y = reduce_sum(%c) {{axes=[2]}} return "y": %y }}'
    )
    for op in ("less", "less_equal"):
        graph = parse_graph(text.format(op=op, first="a", second="b"))
        found = input_ranges(graph)
        assert (found["s"].ascending, found["v"].ascending) == (True, False)
        from kexport.ir.contract import Contract, Port

        contract = Contract(
            tuple(Port(v.name, v.type) for v in graph.inputs), (Port("y", graph.outputs[0].value.type),)
        )
        for kind in ("random", "extreme"):
            inputs = make_batch(contract, {"n": 5}, 0, found, kind=kind).inputs
            assert (np.diff(inputs["s"], axis=-1) >= 0).all()
            assert (np.diff(inputs["v"], axis=-1) < 0).any()
    graph = parse_graph(text.format(op="less", first="b", second="a"))
    assert not any(r.ascending for r in input_ranges(graph).values())


def test_indices_into_another_input_stay_within_its_open_size() -> None:
    from kexport.evidence.batches import make_batch
    from kexport.ir.contract import Contract, Port
    from kexport.ir.parser import parse_graph

    graph = parse_graph(
        'graph "g" (%t: f32[n,length,5], %i: i32[n,40]) { %y = gather(%t, %i) {axis=1, batch_dims=1} return "y": %y }'
    )
    found = input_ranges(graph)
    contract = Contract(tuple(Port(v.name, v.type) for v in graph.inputs), (Port("y", graph.outputs[0].value.type),))
    for length in (1, 5, 17):
        for kind in ("random", "extreme"):
            index = make_batch(contract, {"n": 3, "length": length}, 0, found, kind=kind).inputs["i"]
            assert (index.min(), index.max()) == (0, length - 1)
