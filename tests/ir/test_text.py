"""The text form is complete: whatever a graph holds comes back from its text."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from kexport import ops
from kexport.ir.graph import Graph
from kexport.ir.op import OPS, Array
from kexport.ir.parser import parse_graph
from kexport.ir.text import constant_table, content_hash, to_text
from kexport.ir.types import DType, TensorType
from kexport.ir.verifier import verify_graph

ZOO = """graph "main" (%x: f32[n,2]) {
  %y: i32[n,2] = zoo(%x) {size=max(2*n,8)+1, dtype=i32, pairs=[[0, n], [(n)//2, 3]], text="a \\"b\\"\\n", \
ratio=-1e-05, flag=true, nothing=none, window=[3, 3]} @"block/a b"
  %z: f32[n,2] = zoo(%y) {size=0, dtype=f32, pairs=[], text="", ratio=inf, flag=false, nothing=0.5, window="same", \
count=-4, alpha=1.0, maybe=bf16}
  return "first out": %y, "second": %z
}"""

NESTED = """graph "main" (%x: f32[n,2]) {
  %y: f32[n,2] = repeat(%x) {body=graph "body" (%a: f32[n,2]) {
    %half: f32[] = const 0.5
    %0: f32[n,2] = mul(%a, %half) @"cell"
    %b: f32[n,2] = repeat(%0) {body=graph "inner" (%x: f32[n,2]) {
      %y: f32[n,2] = neg(%x)
      return "y": %y
    }, times=3}
    return "b": %b
  }, times=n} @"loop"
  return "y": %y
}"""


@pytest.mark.parametrize("text", [ZOO, NESTED], ids=["attributes", "bodies"])
def test_text_comes_back(text: str):
    graph = parse_graph(text)
    verify_graph(graph)
    assert to_text(graph) == text


def test_parsed_attributes_are_the_values_meant():
    first, second = (n.op.attributes() for n in parse_graph(ZOO).nodes)
    assert first["dtype"] is DType.I32
    assert str(first["size"]) == "max(2*n,8)+1"
    assert (first["flag"], first["nothing"], first["window"], first["ratio"]) == (True, None, (3, 3), -1e-05)
    assert first["text"] == 'a "b"\n'
    assert (second["pairs"], second["maybe"], second["ratio"]) == ((), DType.BF16, float("inf"))
    assert type(second["alpha"]) is float
    assert type(second["count"]) is int


def test_default_attributes_are_not_shown():
    graph = Graph()
    x = graph.input("x", TensorType.parse("f32[2]"))
    graph.output("a", graph.add(ops.LeakyRelu(), x).output)
    graph.output("b", graph.add(ops.LeakyRelu(0.3), x).output)
    text = to_text(graph)
    assert "leaky_relu(%x)\n" in text
    assert "leaky_relu(%x) {alpha=0.3}" in text
    assert to_text(parse_graph(text)) == text


LITERALS = [
    np.float32(0.1),
    np.array([1e-30, -0.0, np.inf, -np.inf, np.nan], np.float32),
    np.array([[1.5, 2], [3, 4]], np.float64),
    np.array([0.1, 65504], np.float16),
    np.array([0.1, 3e38], ml_dtypes.bfloat16),
    np.array([-8, 7], ml_dtypes.int4),
    np.array([0, 15], ml_dtypes.uint4),
    np.array([-(2**63), 2**63 - 1]),
    np.array([2**64 - 1], np.uint64),
    np.array([True, False]),
    np.array([1 + 2j, -0.5j, 3], np.complex64),
    np.array(["a", 'b"c', "größe"], object),
]


@pytest.mark.parametrize("data", LITERALS, ids=lambda d: str(d.dtype))
def test_small_constants_come_back_bit_by_bit(data: Array):
    graph = Graph()
    graph.output("y", graph.constant(data))
    text = to_text(graph)
    assert "#" not in text
    (constant,) = parse_graph(text).constants
    assert constant.data is not None
    assert constant.data.dtype == data.dtype
    assert content_hash(constant.data) == content_hash(np.asarray(data))


def test_large_constants_come_back_from_the_table():
    graph = Graph()
    big = np.arange(33, dtype=np.float32)
    graph.output("big", graph.constant(big))
    graph.output("empty", graph.constant(np.zeros((0, 2), np.int8)))
    graph.output("small", graph.constant(np.float32(3)))
    table = constant_table(graph)
    assert set(table) == {content_hash(big), content_hash(np.zeros((0, 2), np.int8))}
    text = to_text(graph)
    assert f"const #{content_hash(big)}" in text
    again = parse_graph(text, table)
    assert [c.data is table[content_hash(c.data)] for c in again.constants[:2] if c.data is not None] == [True, True]
    assert to_text(again) == text


def test_the_table_holds_constants_of_bodies():
    big = np.ones(40, np.float32)
    body = Graph("body")
    x = body.input("x", TensorType.parse("f32[40]"))
    body.output("y", body.add(ops.Add(), x, body.constant(big)).output)
    graph = Graph()
    y = graph.add(OPS["repeat"](body), graph.input("x", x.type)).output  # type: ignore[call-arg]
    graph.output("y", y)
    text = to_text(graph)
    table = constant_table(graph)
    assert list(table) == [content_hash(big)]
    assert to_text(parse_graph(text, table)) == text


def test_content_hash_sees_type_shape_and_layout_independent_bytes():
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert content_hash(a) == content_hash(np.asfortranarray(a))
    assert content_hash(a) == content_hash(np.stack([a, a])[::2][0])
    different = [a.reshape(3, 2), a.astype(np.int32), a + 1, a.view(np.int32)]
    assert len({content_hash(x) for x in [a, *different]}) == 5


def test_names_that_clash_or_are_odd():
    graph = Graph()
    t = TensorType.parse("f32[2]")
    x = graph.input("dense/kernel:0", t)
    first = graph.add(ops.Neg(), x).output
    second = graph.add(ops.Neg(), first).output
    third = graph.add(ops.Neg(), second).output
    first.name = second.name = "a.b"
    graph.output("out", third)
    text = to_text(graph)
    assert '%"dense/kernel:0": f32[2]) {' in text
    assert "%a.b: f32[2] = neg" in text
    assert "%0: f32[2] = neg(%a.b)" in text
    assert "%1: f32[2] = neg(%0)" in text
    assert to_text(parse_graph(text)) == text


def test_numbers_do_not_clash_with_names_that_are_numbers():
    graph = Graph()
    x = graph.input("0", TensorType.parse("f32[2]"))
    graph.output("y", graph.add(ops.Neg(), x).output)
    assert "%1: f32[2] = neg(%0)" in to_text(graph)


def test_inputs_only():
    text = 'graph "id" (%x: f32[2], %y: i32[]) {\n  return "b": %y, "a": %x\n}'
    assert to_text(parse_graph(text)) == text
