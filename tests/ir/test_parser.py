"""Faults in the text: each message names the line and points at the place."""

from __future__ import annotations

import numpy as np
import pytest

from kexport.errors import GraphError
from kexport.ir.parser import parse_graph

HEAD = 'graph "g" (%x: f32[n,3]) {\n'
FAULTS = {
    "no graph": ("grap", "expected 'graph'", ""),
    "no name": ("graph (%x: f32[3])", "expected a string", "graph "),
    "no type": ('graph "g" (%x: f32)', "expected a type such as f32[batch,3]", 'graph "g" (%x: '),
    "bad type": ('graph "g" (%x: f99[3]) {', "'f99[3]' is not a tensor type", 'graph "g" (%x: '),
    "bad dim": ('graph "g" (%x: f32[3/2]) {', "'3/2' is not a dimension", 'graph "g" (%x: '),
    "open type": ('graph "g" (%x: f32[3', "expected one of ']'", 'graph "g" (%x: f32[3'),
    "input twice": ('graph "g" (%x: f32[3], %x: f32[3])', "%x is defined twice", 'graph "g" (%x: f32[3], %x: f32[3]'),
    "no op": (HEAD + "  %y = neq(%x)", "there is no op 'neq'", "  %y = neq"),
    "not a value": (HEAD + "  y = neg(%x)", "expected a value such as %x", "  "),
    "undefined": (HEAD + "  %y = neg(%z)", "%z is not defined", "  %y = neg("),
    "wrong operands": (HEAD + "  %y = add(%x)", "add takes 2 operands, got 1: (f32[n,3])", "  %y = add"),
    "no fit": (HEAD + "  %y = transpose(%x) {perm=[1, 2]}", "perm (1, 2) is not a permutation", "  %y = transpose"),
    "wrong type": (HEAD + "  %y: f32[n,4] = neg(%x)\n", "%y is declared f32[n,4], inferred is f32[n,3]", ""),
    "too many results": (HEAD + "  %y, %z = neg(%x)", "neg has 1 results, 2 are named", "  %y, %z = neg(%x)"),
    "defined twice": (HEAD + "  %x = neg(%x)", "%x is defined twice", "  %x = neg(%x)"),
    "no attribute": (HEAD + "  %y = clip(%x) {lo=1.0}", "clip has no attribute 'lo'", "  %y = clip(%x) {lo"),
    "missing attribute": (HEAD + "  %y = clip(%x) {low=1.0}", "clip needs the attribute 'high'", None),
    "bad attribute": (HEAD + "  %y = tile(%x) {reps=[n n]}", "'n n' is not a dimension", "  %y = tile(%x) {reps=["),
    "bad dtype": (HEAD + "  %y = cast(%x) {dtype= f8}", "'f8' is not an element type", "  %y = cast(%x) {dtype= "),
    "no hash": (HEAD + "  %c: i8[3] = const #0f", "the constant #0f is not in the table", "  %c: i8[3] = const #0f"),
    "dynamic constant": (HEAD + "  %c: f32[n] = const 1", "a constant needs a static type", "  %c: f32[n] = const"),
    "untyped constant": (HEAD + "  %c = const 1", "a constant needs a static type", "  %c = const"),
    "wrong shape": (HEAD + "  %c: f32[3] = const [1, 2]", "%c is declared f32[3], the data is f32[2]", None),
    "ragged": (HEAD + "  %c: f32[2,2] = const [[1, 2], [3]]", "inhomogeneous", "  %c: f32[2,2] = const "),
    "too big": (HEAD + "  %c: i8[1] = const [300]", "300", "  %c: i8[1] = const "),
    "word": (HEAD + "  %c: f32[] = const splat(x)", "expected a number", "  %c: f32[] = const splat("),
    "bad output": (HEAD + "  return %x", "expected a string", "  return "),
    "output twice": (HEAD + '  return "a": %x, "a": %x\n}', "two outputs are called 'a'", '  return "a": %x, '),
    "no end": (HEAD + '  return "a": %x', "expected a string", '  return "a": %x'),
    "no text": (HEAD + '  %y = neg(%x) @"\x01"', "it is no JSON", "  %y = neg(%x) @"),
    "half a character": (HEAD + '  %"\\ud800" = neg(%x)', "half of a character", "  %"),
    "two constants": (HEAD + "  %a: f32[], %b: f32[] = const 1", "const has one result, 2 are named", None),
    "many digits": (HEAD + f"  %c: i32[] = const {'9' * 5000}", "4300 digits", None),
    "great number": (HEAD + "  %c: i32[1] = const [99999999999999999999]", "too large", "  %c: i32[1] = const "),
    "great splat": (HEAD + "  %c: f32[4096,4097] = const splat(0)", "has at most 16777216 elements", None),
    "splat without end": (HEAD + f"  %c: f32[{2**60},{2**60}] = const splat(0)", "has at most 16777216", None),
    "great random": (HEAD + "  %c: f32[4096,4097] = const random(0)", "has at most 16777216 elements", None),
    "bad seed": (HEAD + "  %c: f32[1] = const random([1])", "int() argument", "  %c: f32[1] = const "),
    "negative seed": (HEAD + "  %c: f32[1] = const random(-1)", "non-negative", None),
    "negative size": (HEAD + "  %c: f32[-1] = const splat(0)", "no tensor has an axis of size -1", "  %c: "),
    "deep list": (HEAD + "  %c: f32[1] = const " + "[" * 5000, "nested more than 32 levels deep", None),
    "deep attribute": (HEAD + "  %y = tile(%x) {reps=" + "[" * 5000, "nested more than 32 levels deep", None),
    "deep graph": (HEAD + '  %y = while() {body=graph "b" () {' * 5000, "nested more than 32 levels deep", None),
    "many axes": (f'graph "g" (%x: f32[{"1," * 65}]', "no tensor has 65 axes, 64 are the most", 'graph "g" (%x: '),
    "size without end": (
        f'graph "g" (%x: f32[{"*".join(f"(a{i}+b{i})" for i in range(22))}])',
        "the formula of a size grows beyond what any real model has",
        'graph "g" (%x: ',
    ),
    "sizes that grow": (
        f'graph "g" (%x0: f32[{2**40}]) {{\n  %x1 = reshape(%x0) {{shape=[{2**20}, {2**20}]}}\n'
        "  %x2 = tile(%x1) {reps=[8388608, 8388608]}\n  %x3 = tile(%x2) {reps=[8388608, 1]}",
        f"no tensor has an axis of size {2**66}",
        None,
    ),
    "wrong kind": (HEAD + "  %y = clip(%x) {low=[1], high=2.0}", "clip takes float | None for the attribute", None),
    "graph for a number": (
        HEAD + '  %y = clip(%x) {low=graph "g" () { return }, high=2.0}',
        "clip takes float | None",
        None,
    ),
    "text for a list": (HEAD + '  %y = transpose(%x) {perm="ab"}', "transpose takes tuple[int, ...]", None),
    "dims for numbers": (HEAD + "  %y = transpose(%x) {perm=[n, 0]}", "transpose takes tuple[int, ...]", None),
    "flag for a number": (HEAD + "  %y = tile(%x) {reps=[true, 1]}", "tile takes tuple[Dim, ...]", None),
    "more text": (HEAD + '  return "a": %x }\n x', "text after the end of the graph", " "),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name: str):
    text, message, before = FAULTS[name]
    with pytest.raises(GraphError) as e:
        parse_graph(text)
    shown = e.value.what
    assert message in shown
    line = int(shown.split(":")[0].removeprefix("line "))
    if len(text.split("\n")[line - 1]) > 400:
        assert "\n" not in shown, "a long line is not shown"
        return
    *_, source, caret = shown.split("\n")
    assert caret.strip() == "^"
    assert source == "    " + text.split("\n")[line - 1]
    if before is not None:
        assert caret == "    " + " " * len(before) + "^"


def test_the_line_is_counted():
    with pytest.raises(GraphError, match=r"^line 4: %q is not defined\n      %b = neg\(%q\)\n {15}\^$"):
        parse_graph('graph "g" (%x: f32[3]) {\n\n  %a = neg(%x)\n  %b = neg(%q)\n  return "b": %b\n}')


def test_comments_blanks_and_commas():
    graph = parse_graph(
        '; a comment\ngraph "g"(%x:f32[ 3 ] %y: f32[3]){ ; more\n%z=add(%x %y)@"l"return "z":%z,}\n; end'
    )
    (node,) = graph.nodes
    assert node.origin == "l"
    assert node.output.name == "z"


def test_result_types_may_be_left_out():
    graph = parse_graph(
        'graph "g" (%x: f32[n,4]) { %a, %b: f32[n,1] = split(%x) {axis=1, sizes=[3, 1]} return "a": %a }'
    )
    (node,) = graph.nodes
    assert [str(v.type) for v in node.outputs] == ["f32[n,3]", "f32[n,1]"]


def test_constants_for_tests():
    graph = parse_graph(
        """graph "g" () {
          %a: f32[2,2] = const splat(0.5)
          %b: f32[2,2] = const random(7)
          %c: bool[2] = const [true, false]
          return "a": %a, "b": %b, "c": %c
        }"""
    )
    a, b, c = (v.data for v in graph.constants)
    np.testing.assert_array_equal(a, np.full((2, 2), 0.5, np.float32))
    np.testing.assert_array_equal(b, np.random.default_rng(7).standard_normal((2, 2)).astype(np.float32))
    np.testing.assert_array_equal(c, [True, False])


def test_a_symbol_may_begin_like_a_keyword():
    graph = parse_graph('graph "g" (%x: f32[graph_size]) { %y = reshape(%x) {shape=[graph_size, 1]} return "y": %y }')
    assert str(graph.outputs[0].value.type) == "f32[graph_size,1]"
