"""Injected faults: every mistake that an emitter is likely to make must be found, in a small net of many layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kexport.evidence.batches import make_batches
from kexport.evidence.reference_file import Reference
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Value
from kexport.ir.op import Array, Op
from kexport.ir.types import DType, TensorType
from kexport.ops import (
    Add,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    DepthwiseConv,
    Gelu,
    LayerNorm,
    LeakyRelu,
    ReduceMean,
    Reshape,
    Softmax,
    Transpose,
)
from kexport.verify.judge import judge_batch, overall, tolerances
from kexport.verify.perturb import rounding_noise
from kexport.verify.record import capture_problems, record

BATCH = symbol("batch")
INPUT = TensorType(DType.F32, (BATCH, 9, 9, 4))
CONTRACT = Contract(
    (Port("image", INPUT),),
    (
        Port("probs", TensorType(DType.F32, (BATCH, 6))),
        Port("scores", TensorType(DType.F32, (BATCH, 6))),
    ),
)


def net() -> Graph:
    rng = np.random.default_rng(5)
    g = Graph("net")

    def w(*shape: int, scale: float = 0.4, shift: float = 0.0) -> Value:
        name = f"w{sum(1 for _ in g.nodes)}_{'x'.join(map(str, shape))}"
        return g.constant((shift + scale * rng.standard_normal(shape)).astype(np.float32), name)

    def add(op: Op, *operands: Value) -> Value:
        return g.add(op, *operands, origin=op.name).output

    x = g.input("image", INPUT)
    h = add(Conv(strides=(2, 2), padding="same", dilation=(1, 1)), x, w(3, 3, 4, 8, scale=0.2), w(8))
    norm = (w(8, shift=1), w(8), w(8), g.constant(rng.uniform(0.5, 1.5, 8).astype(np.float32)))
    h = add(BatchNorm(epsilon=1e-3), h, *norm)
    h = add(LeakyRelu(alpha=0.2), h)
    depthwise = DepthwiseConv(strides=(1, 1), padding=((1, 1), (0, 2)), dilation=(1, 1), activation="relu6")
    h = add(depthwise, h, w(3, 3, 8, 1), w(8))
    skip = add(Conv(strides=(1, 1), padding="same", dilation=(1, 1)), h, w(3, 3, 8, 8, scale=0.2), w(8))
    h = add(Add(), h, skip)
    h = add(AvgPool(window=(2, 2), strides=(2, 2), padding="same"), h)
    h = add(Transpose(perm=(0, 2, 1, 3)), h)
    h = add(LayerNorm(axes=(3,), epsilon=1e-3), h, w(8, shift=1), w(8))
    h = add(Gelu(approximate=False), h)
    pooled = add(ReduceMean(axes=(1, 2)), h)
    flat = add(Reshape(shape=(BATCH, 72)), h)
    probs = add(Softmax(), add(Dense(), pooled, w(8, 6, scale=1), w(6)))
    g.output("probs", probs)
    g.output("scores", add(Dense(), flat, w(72, 6, scale=0.2), w(6)))
    return g


@pytest.fixture(scope="module")
def reference() -> Reference:
    """Keras is played by the graph with other rounding."""
    graph = net()

    def run(arrays: list[Array]) -> list[Array]:
        return list(evaluate(graph, {"image": arrays[0]}, observe=rounding_noise(99)).values())

    return record(CONTRACT, graph, make_batches(CONTRACT), run)


def judge(reference: Reference, graph: Graph, rounding: int = 7) -> tuple[bool, str]:
    allowed = tolerances(reference)
    checks = []
    for r in reference.recordings:
        outputs = evaluate(graph, r.batch.inputs, observe=rounding_noise(rounding))
        checks += judge_batch(r, outputs, allowed)
    return overall(checks, CONTRACT)


def attribute(kind: type[Op], **changes: Any) -> Callable[[], Graph]:
    """The net with other attributes in the first op of a kind."""

    def make() -> Graph:
        done: list[Op] = []

        def change(op: Op) -> Op:
            if type(op) is not kind or done:
                return op
            done.append(op)
            return dataclasses.replace(op, **changes)

        graph = net().copy(change)
        assert done
        return graph

    return make


def operand(kind: type[Op], index: int, change: Callable[[Array], Array]) -> Callable[[], Graph]:
    """The net with another constant as an operand of the first op of a kind."""

    def make() -> Graph:
        graph = net()
        node = next(n for n in graph.nodes if type(n.op) is kind)
        value = node.inputs[index]
        assert value.data is not None
        changed = np.ascontiguousarray(change(value.data)).astype(value.data.dtype)
        assert not np.array_equal(changed, value.data)
        value.data = changed
        return graph

    return make


def half(array: Array) -> Array:
    return array.astype(np.float16)


def one_weight(array: Array) -> Array:
    changed = array.copy()
    changed.flat[3] *= 1.01
    return changed


def permuted_outputs() -> Graph:
    graph = net()
    first, second = graph.outputs
    swapped = graph.copy()
    swapped._outputs = [o._replace(name=n) for o, n in zip(swapped._outputs, (second.name, first.name), strict=True)]
    return swapped


def without(kind: type[Op]) -> Callable[[], Graph]:
    """The net with the first op of a kind left out."""

    def make() -> Graph:
        graph = net()
        node = next(n for n in graph.nodes if type(n.op) is kind)
        graph.replace(node.output, node.inputs[0])
        graph.erase(node)
        return graph

    return make


FAULTS: dict[str, Callable[[], Graph]] = {
    "kernel transposed": operand(Conv, 1, lambda w: w.transpose(1, 0, 2, 3)),
    "kernel flipped": operand(Conv, 1, lambda w: w[::-1, ::-1]),
    "input channels reversed": operand(Conv, 1, lambda w: w[:, :, ::-1]),
    "two output channels swapped": operand(Conv, 1, lambda w: w[..., [1, 0, *range(2, 8)]]),
    "depthwise kernel transposed": operand(DepthwiseConv, 1, lambda w: w.transpose(1, 0, 2, 3)),
    "bias dropped": operand(Conv, 2, np.zeros_like),
    "bias of another layer": operand(Dense, 2, lambda b: b[::-1]),
    "one weight off by 1 %": operand(Dense, 1, one_weight),
    "weights rounded to half": operand(Conv, 1, half),
    "mean and variance swapped": operand(BatchNorm, 3, lambda m: np.abs(m) + 0.5),
    "gamma dropped": operand(LayerNorm, 1, np.ones_like),
    "dense transposed": operand(Dense, 1, lambda w: w.reshape(w.shape[::-1]).T),
    "batch norm epsilon": attribute(BatchNorm, epsilon=1e-5),
    "layer norm epsilon": attribute(LayerNorm, epsilon=1e-6),
    "layer norm epsilon, a little": attribute(LayerNorm, epsilon=1.1e-3),
    "sampled one row early": attribute(Conv, padding=((0, 2), (1, 1))),
    "explicit padding swapped": attribute(DepthwiseConv, padding=((1, 1), (2, 0))),
    "dilation": attribute(Conv, dilation=(2, 1), padding=((2, 2), (1, 1))),
    "stride": attribute(Conv, strides=(3, 2), padding=((4, 4), (1, 1))),
    "activation dropped": attribute(DepthwiseConv, activation=None),
    "relu for relu6": attribute(DepthwiseConv, activation="relu"),
    "leaky alpha": attribute(LeakyRelu, alpha=0.3),
    "gelu approximated": attribute(Gelu, approximate=True),
    "transpose dropped": without(Transpose),
    "gelu dropped": without(Gelu),
    "outputs permuted": permuted_outputs,
}


def test_the_right_net_passes_whatever_its_rounding(reference: Reference) -> None:
    assert capture_problems(reference) == []
    for rounding in range(5):
        passed, reason = judge(reference, net(), rounding)
        assert passed, reason


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(reference: Reference, fault: str) -> None:
    passed, reason = judge(reference, FAULTS[fault]())
    assert not passed, fault
    assert reason.startswith("output ")


def test_permuted_outputs_are_named(reference: Reference) -> None:
    assert "it holds what output" in judge(reference, permuted_outputs())[1]
