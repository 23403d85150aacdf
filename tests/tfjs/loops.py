"""Small graphs with loops and branches that strain what engines do with the tensors of bodies."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim
from kexport.ir.graph import Graph
from kexport.ir.parser import parse_graph

_COND = 'graph "more" (%i: i32[], %x: f32[batch,2]) { %n: i32[] = const 3\n%p = less(%i, %n)\nreturn "p": %p }'
_STEP = """graph "step" (%i: i32[], %x: f32[batch,2]) {
%one: i32[] = const 1
%half: f32[] = const 0.5
%j = add(%i, %one)
%y = mul(%x, %half)
return "i": %j, "x": %y }"""
_STATE = "%i: i32[], %a: f32[batch,2], %b: f32[batch,2], %c: f32[2], %kept: f32[batch,2], %flag: bool[]"
_STRAIN = f"""graph "step" ({_STATE}) {{
%one: i32[] = const 1
%other: f32[2] = const [3.0, 4.0]
%j = add(%i, %one)
%row = mul(%a, %c)
%left, %right = split(%row) {{axis=1, sizes=[1, 1]}}
%turned = concat(%right, %left) {{axis=1}}
%chosen = if(%flag, %turned, %b) {{
  then=graph "then" (%u: f32[batch,2], %v: f32[batch,2]) {{ return "u": %u }},
  orelse=graph "orelse" (%u: f32[batch,2], %v: f32[batch,2]) {{ %w = add(%u, %v) return "w": %w }}}}
%no = logical_not(%flag)
return "i": %j, "a": %chosen, "b": %chosen, "c": %other, "kept": %kept, "flag": %no }}"""
_STRAIN_COND = f"""graph "more" ({_STATE}) {{
%n: i32[] = const 4
%p = less(%i, %n)
return "p": %p }}"""


def halved() -> Graph:
    """x is halved three times."""
    lines = f'%zero: i32[] = const 0\n%i, %y = while(%zero, %x) {{cond={_COND}, body={_STEP}}} @"half"'
    return _graph("%x: f32[batch,2]", lines, '"y": %y')


def strained() -> Graph:
    """State that is a constant, a result of a split, one tensor twice, what came in, or chosen by a branch."""
    lines = f"""%zero: i32[] = const 0
%yes: bool[] = const true
%c: f32[2] = const [1.0, 2.0]
%i, %a, %b, %d, %kept, %flag = while(%zero, %x, %x, %c, %x, %yes) {{cond={_STRAIN_COND}, body={_STRAIN}}} @"strain"
"""
    return _graph("%x: f32[batch,2]", lines, '"a": %a, "b": %b, "d": %d, "kept": %kept, "i": %i, "same": %x')


def branch_of_sizes() -> Graph:
    """Ones or zeros in a batch that the branches do not see."""
    bodies = [Graph(name) for name in ("ones", "zeros")]
    like = parse_graph('graph "like" (%x: f32[batch,2]) { return "x": %x }').inputs[0].type
    for value, body in zip((1.0, 0.0), bodies, strict=True):
        body.output("y", body.add(ops.Full(like.shape, value, like.dtype)).output)
    graph = parse_graph('graph "sizes" (%flag: bool[], %x: f32[batch,2]) { return "x": %x }')
    graph.output("y", graph.add(ops.If(*bodies), graph.inputs[0], origin="choice").output)
    return graph


def loop_of_sizes() -> Graph:
    """A total of ones in a batch that the loop does not see."""
    cond = parse_graph('graph "more" (%i: i32[]) { %n: i32[] = const 20\n%p = less(%i, %n)\nreturn "p": %p }')
    lines = "%one = dims() {dims=[batch], dtype=i32}\n%all = reduce_sum(%one) {axes=[0]}"
    body = parse_graph(f'graph "step" (%i: i32[]) {{\n{lines}\n%j = add(%i, %all)\nreturn "i": %j }}')
    graph = parse_graph('graph "sizes" (%x: f32[batch,2]) { return "x": %x }')
    zero = graph.constant(np.int32(0))
    graph.output("i", graph.add(ops.While(cond, body), zero, origin="loop").output)
    return graph


def running_sum(length: Dim, reverse: bool = False, width: int = 2) -> Graph:
    """Sums over a sequence x[batch,length,width], and the squares of all of them."""
    type = f"f32[batch,{width}]"
    body = f"""graph "step" (%s: {type}, %x: {type}) {{
%t = add(%s, %x)
%q = mul(%t, %t)
return "t": %t, "q": %q }}"""
    backwards = str(reverse).lower()
    lines = f"""%zero: f32[{width}] = const {[0.0] * width}
%first = sub(%start, %zero)
%last, %squares = scan(%first, %x) {{carried=1, sequences=1, axis=1, reverse={backwards}, body={body}}} @"sum"
"""
    return _graph(f"%start: {type}, %x: f32[batch,{length},{width}]", lines, '"last": %last, "squares": %squares')


def _graph(parameters: str, lines: str, results: str) -> Graph:
    return parse_graph(f'graph "loops" ({parameters}) {{\n{lines}\nreturn {results}\n}}')
