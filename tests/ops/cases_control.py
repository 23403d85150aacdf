"""Cases of loops and branches; expected results are written out in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Graph
from kexport.ir.parser import parse_graph
from kexport.ir.types import DType
from tests.ops.case import BATCH, LENGTH, Case, literal, normal

Array = np.ndarray[Any, Any]


def _graph(parameters: str, lines: str, results: str) -> Graph:
    return parse_graph(f'graph "body" ({parameters}) {{\n{lines}\nreturn {results}\n}}')


def _if() -> ops.If:
    then = _graph("%x: f32[batch,3], %y: f32[batch,3]", "%z = add(%x, %y)", '"z": %z, "x": %x')
    orelse = _graph("%x: f32[batch,3], %y: f32[batch,3]", "%z = mul(%x, %y)", '"z": %z, "y": %y')
    return ops.If(then, orelse)


def _expected_if(condition: Array, x: Array, y: Array) -> tuple[Array, Array]:
    return (x + y, x) if condition else (x * y, y)


def _while() -> ops.While:
    """x is halved `n` times, and `step` read each time."""
    state = "%i: i32[], %n: i32[], %x: f32[batch,2], %step: f32[2]"
    cond = _graph(state, "%more = less(%i, %n)", '"more": %more')
    lines = """%one: i32[] = const 1
%half: f32[] = const 0.5
%next = add(%i, %one)
%y = mul(%x, %half)
%z = add(%y, %step)"""
    return ops.While(cond, _graph(state, lines, '"i": %next, "n": %n, "x": %z, "step": %step'))


def _expected_while(i: Array, n: Array, x: Array, step: Array) -> tuple[Array, ...]:
    for _ in range(int(i), int(n)):
        x = x * x.dtype.type(0.5) + step
    return np.maximum(i, n), n, x, step


def _running(axis: int, reverse: bool) -> ops.Scan:
    """A running sum, each step scaled, the square of each sum beside it."""
    lines = "%t = mul(%x, %scale)\n%next = add(%sum, %t)\n%square = mul(%next, %next)"
    body = _graph("%sum: f32[batch,2], %x: f32[batch,2], %scale: f32[2]", lines, '"sum": %next, "square": %square')
    return ops.Scan(body, carried=1, sequences=1, axis=axis, reverse=reverse)


def _expected_running(axis: int, reverse: bool) -> Any:
    def expected(total: Array, xs: Array, scale: Array) -> tuple[Array, Array]:
        scaled = np.moveaxis(xs, axis, 0) * scale
        sums = np.cumsum(scaled[::-1] if reverse else scaled, 0, dtype=xs.dtype) + total
        squares = np.moveaxis((sums[::-1] if reverse else sums) ** 2, 0, axis)
        return sums[-1], squares

    return expected


def _pairs() -> ops.Scan:
    """No state, two sequences, two results."""
    lines = "%sum = add(%a, %b)\n%both = less(%a, %b)"
    return ops.Scan(_graph("%a: f32[3], %b: f32[3]", lines, '"sum": %sum, "both": %both'), carried=0, sequences=2)


def _nested() -> ops.Scan:
    """A branch in a loop: what is positive is added, what is not is subtracted."""
    then = 'graph "then" (%s: f32[], %x: f32[]) { %y = add(%s, %x) return "y": %y }'
    orelse = 'graph "orelse" (%s: f32[], %x: f32[]) { %y = sub(%s, %x) return "y": %y }'
    lines = f"%zero: f32[] = const 0.0\n%p = greater(%x, %zero)\n%y = if(%p, %s, %x) {{then={then}, orelse={orelse}}}"
    return ops.Scan(_graph("%s: f32[], %x: f32[]", lines, '"s": %y, "y": %y'), carried=1, sequences=1)


def _expected_nested(total: Array, xs: Array) -> tuple[Array, Array]:
    sums = np.cumsum(np.abs(xs), dtype=xs.dtype) + total
    return sums[-1], sums


TOLERANCE = 1e-6
"""Bodies hold float32 in these cases, also in a run in float64."""
ZERO, TWO, THREE, FOUR = (literal(n, DType.I32) for n in (0, 2, 3, 4))
CASES = [
    Case(_if(), (literal(True, DType.BOOL), normal(BATCH, 3), normal(BATCH, 3)), _expected_if, "true"),
    Case(_if(), (literal(False, DType.BOOL), normal(BATCH, 3), normal(BATCH, 3)), _expected_if, "false"),
    Case(_while(), (ZERO, FOUR, normal(BATCH, 2), normal(2)), _expected_while),
    Case(_while(), (THREE, TWO, normal(BATCH, 2), normal(2)), _expected_while, "never"),
    *(
        Case(
            _running(axis, reverse),
            (normal(BATCH, 2), normal(*shape, 2), normal(2)),
            _expected_running(axis, reverse),
            label,
        )
        for axis, reverse, shape, label in (
            (0, False, (LENGTH, BATCH), ""),
            (1, False, (BATCH, LENGTH), "batch_first"),
            (1, True, (BATCH, LENGTH), "reverse"),
            (1, True, (BATCH, 3), "static"),
        )
    ),
    Case(_pairs(), (normal(LENGTH, 3), normal(LENGTH, 3)), lambda a, b: (a + b, a < b), "stateless"),
    Case(_nested(), (normal(), normal(LENGTH)), _expected_nested, "branch"),
]
