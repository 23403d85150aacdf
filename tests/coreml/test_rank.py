"""Tensors of more than five axes inside of a graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kexport.errors import UnsupportedError
from kexport.ir.evaluator import evaluate
from kexport.ir.parser import parse_graph
from kexport_coreml import TARGET
from kexport_coreml.options import CoremlOptions
from tests.coreml.helper import export, operations, run

HEAD = """graph "g" (%x: f32[n,2,3,8,6], %k: f32[n,2,3,4,3]) {
  %a = reshape(%x) {shape=[n,2,3,4,4,3]} %c = reshape(%k) {shape=[n,2,3,4,1,3]} %b = mul(%a, %c)
"""
CASES = {
    "sum": "%y = reduce_sum(%b) {axes=[3]}",
    "mean": "%m = reduce_mean(%b) {axes=[1,3,5], keepdims=true} %y = reshape(%m) {shape=[n,3,4]}",
    "softmax": "%s = softmax(%b) {axis=3} %y = arg_max(%s) {axis=4}",
    "slice": """%s = slice(%b) {begin=[0,0,1,0,0,0], end=[n,2,3,4,4,3], strides=[1,1,1,1,2,1]}
      %c2 = concat(%s, %s) {axis=2} %y = reshape(%c2) {shape=[n,2,4,24]}""",
    "split": "%p, %q = split(%b) {axis=3, sizes=[1,3]} %y = reduce_max(%q) {axes=[2,3]}",
    "batches": "%t = mat_mul(%b, %c) {transpose_b=true} %y = reshape(%t) {shape=[n,24,4]}",
    "dense": """%w: f32[3,2] = const [[1.0,2.0],[3.0,-1.0],[0.5,0.25]] %d = dense(%b, %w) %e = exp(%d)
      %r = reverse(%e) {axes=[1,4]} %y = reshape(%r) {shape=[n,2,3,4,8]}""",
    "constant": """%o: f32[1,2,1,1,1,3] = const [[[[[[1.0,2.0,3.0]]]],[[[[0.5,0.25,2.0]]]]]] %z = add(%a, %o)
      %f: f32[] = const 0.5 %h = greater(%z, %f) %v = select(%h, %z, %c) %u = cum_sum(%v) {axis=4}
      %y = reshape(%u) {shape=[n,6,48]}""",
    "broadcast": "%z = broadcast_to(%c) {shape=[n,2,3,4,5,3]} %y = reshape(%z) {shape=[n,6,60]}",
}


@pytest.mark.parametrize("body", CASES.values(), ids=CASES)
def test_axes_that_go_together_are_one(body: str, tmp_path: Path) -> None:
    graph = parse_graph(f'{HEAD}{body} return "y": %y }}')
    random = np.random.default_rng(0)
    shapes = {"x": (2, 2, 3, 8, 6), "k": (2, 2, 3, 4, 3)}
    inputs = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    path = export(graph, tmp_path / "g.mlpackage")
    (got,) = run(path, inputs).values()
    (want,) = evaluate(graph, inputs).values()
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    assert all(len(o.type.tensorType.dimensions) <= 5 for op in operations(path) for o in op.outputs)


def test_six_axes_that_differ_are_refused() -> None:
    body = "%t = transpose(%b) {perm=[5,4,3,2,1,0]} %y = reshape(%t) {shape=[12,4,3,2*n]}"
    with pytest.raises(UnsupportedError, match="up to 5 axes"):
        TARGET.legalize(parse_graph(f'{HEAD}{body} return "y": %y }}'), CoremlOptions())
