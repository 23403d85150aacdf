"""Loops that hold what they hold channels first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from kexport import ops
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType, TensorType
from kexport.ir.verifier import verify_graph
from kexport.passes.channels_first import channels_first
from kexport.passes.loop_layout import hold_channels_first
from kexport.passes.sink_transposes import SinkTransposes
from kexport.rewrite import RulePass
from kexport.target import all_nodes
from tests.ops.case import BATCH, LENGTH

SIZES = {"batch": 2, "length": 4}


def loop(spatial: Sequence[int], axis: int, reverse: bool = False, gate: bool = True) -> Graph:
    """h = tanh(conv(h)) * c + conv(x); c = c + h, beside a state of another rank; all stacked."""
    rng = np.random.default_rng(0)
    rank = len(spatial)
    step = Graph("step")
    image = TensorType(DType.F32, (BATCH, *spatial, 2))
    h, c, count, x = (
        step.input(n, t) for n, t in (("h", image), ("c", image), ("n", TensorType(DType.F32, (BATCH,))), ("x", image))
    )

    def conv(value: Value) -> Value:
        kernel = step.constant(rng.standard_normal((3,) * rank + (2, 2)).astype(np.float32) / 4)
        return step.add(ops.Conv((1,) * rank, "same", (1,) * rank), value, kernel).output

    new = step.add(ops.Mul(), step.add(ops.Tanh(), conv(h)).output, c).output
    new = step.add(ops.Add(), new, conv(x) if gate else x).output
    more = step.add(ops.Add(), count, step.add(ops.ReduceSum((*range(1, rank + 2),)), new).output).output
    for name, value in {"h": new, "c": step.add(ops.Add(), c, new).output, "n": more, "y": new, "m": more}.items():
        step.output(name, value)
    graph = Graph()
    shape = list(image.shape)
    shape.insert(axis, LENGTH)
    state = [graph.input(n, t) for n, t in (("h", image), ("c", image), ("n", more.type))]
    xs = graph.input("x", TensorType(DType.F32, tuple(shape)))
    for i, value in enumerate(graph.add(ops.Scan(step, 3, 1, axis, reverse), *state, xs).outputs):
        graph.output(f"y{i}", value)
    return graph


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("spatial", [(5,), (4, 3)], ids=["1d", "2d"])
def test_nothing_is_transposed_in_a_step(spatial: Sequence[int], axis: int, reverse: bool) -> None:
    graph = loop(spatial, axis, reverse)
    rng = np.random.default_rng(1)
    inputs = {v.name: rng.standard_normal(v.type.bind(SIZES).shape).astype(np.float32) for v in graph.inputs}  # type: ignore[arg-type]
    expected = evaluate(graph, inputs, wide=True)
    RulePass("channels", (channels_first(ops.Conv),)).run(graph)
    sink = SinkTransposes(hold_channels_first)
    assert sink.run(graph)
    verify_graph(graph)
    assert not sink.run(graph)
    (scan,) = (n for n in graph.nodes if isinstance(n.op, ops.Scan))
    inside = [n for body in scan.op.bodies() for n in all_nodes(body)]
    assert not any(isinstance(n.op, ops.Transpose) for n in inside)
    for name, found in evaluate(graph, inputs, wide=True).items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-12, atol=1e-12)


def test_a_loop_that_wants_no_other_layout_stays() -> None:
    graph = loop((4, 3), 1)
    assert not SinkTransposes(hold_channels_first).run(graph)


def test_a_sequence_that_is_not_transposed_stays() -> None:
    graph = loop((4, 3), 1, gate=False)
    RulePass("channels", (channels_first(ops.Conv),)).run(graph)
    assert SinkTransposes(hold_channels_first).run(graph)
    verify_graph(graph)
    (scan,) = (n for n in graph.nodes if isinstance(n.op, ops.Scan))
    assert [v.type.shape[-1] for v in scan.inputs[:2]] == [3, 3], "states are held with the channels before the width"
