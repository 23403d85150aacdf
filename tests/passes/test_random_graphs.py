"""Random small graphs compute the same before and after all passes."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kexport import ops
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Value
from kexport.ir.op import Array, Op
from kexport.ir.text import to_text
from kexport.ir.types import DType, TensorType
from kexport.ir.verifier import verify_graph
from kexport.passes.pipeline import OPTIMIZE, PASSES, run_passes

NAMES = tuple(PASSES)
UNARY: tuple[Op, ...] = (
    ops.Neg(), ops.Abs(), ops.Relu(), ops.Relu6(), ops.Sigmoid(), ops.Tanh(), ops.Square(), ops.Softsign(),
    ops.Clip(-1.0, 0.5), ops.Clip(0.0, None), ops.LeakyRelu(), ops.HardSigmoid(), ops.Cast(DType.F64), ops.Softmax(1),
)  # fmt: skip
BINARY: tuple[Op, ...] = (ops.Add(), ops.Sub(), ops.Mul(), ops.Maximum(), ops.Minimum(), ops.SquaredDifference())
NUMBERS = (0.0, 1.0, -1.0, 0.5, 2.0, 6.0, 1 / 6, 3.0)


class Builder:
    """Grows a graph over f64[n, t, 4] values, choosing with one source of randomness."""

    def __init__(self, choose: random.Random):
        self.choose = choose
        self.graph = Graph()
        self.values = [self.graph.input(name, TensorType.parse("f64[n,6,4]")) for name in ("x", "y")]

    def pick(self) -> Value:
        return self.choose.choice(self.values[-4:])

    def constant(self, *shape: int) -> Value:
        if self.choose.random() < 0.4:
            return self.graph.constant(np.full(shape, self.choose.choice(NUMBERS)))
        seed = self.choose.randrange(1000)
        return self.graph.constant(np.random.default_rng(seed).uniform(0.25, 1.5, shape).round(2))

    def add(self, op: Op, *operands: Value) -> Value:
        return self.graph.add(op, *operands, origin=f"layer_{len(self.values)}").output

    def unary(self) -> Value:
        return self.add(self.choose.choice(UNARY), self.pick())

    def binary(self) -> Value:
        return self.add(self.choose.choice(BINARY), self.pick(), self.pick())

    def scale(self) -> Value:
        shape = self.choose.choice([(), (4,), (1, 1), (6, 1), (1, 1, 4)])
        pair = [self.pick(), self.constant(*shape)]
        if self.choose.random() < 0.3:
            pair.reverse()
        return self.add(self.choose.choice(BINARY), *pair)

    def gate(self) -> Value:
        x = self.pick()
        return self.add(ops.Mul(), x, self.add(self.choose.choice((ops.Sigmoid(), ops.HardSigmoid())), x))

    def conv(self) -> Value:
        padding = self.choose.choice(["same", ((1, 1),)])
        kernel = self.constant(3, 4, 4)
        return self.add(ops.Conv((1,), padding, (1,)), self.pick(), kernel)

    def padded_conv(self) -> Value:
        x = self.add(ops.Pad(((0, 0), (1, 1), (0, 0))), self.pick())
        if self.choose.random() < 0.5:
            return self.add(ops.DepthwiseConv((1,), "valid", (1,)), x, self.constant(3, 4, 1))
        return self.add(ops.MaxPool((3,), (1,), "valid"), x)

    def dense(self) -> Value:
        matrix = ops.MatMul(transpose_b=self.choose.random() < 0.5)
        return self.add(matrix, self.pick(), self.constant(4, 4))

    def norm(self) -> Value:
        parameters = [self.constant(4) for _ in range(3)]
        variance = self.graph.constant(np.array([0.5, 1.0, 2.0, 4.0]))
        return self.add(ops.BatchNorm(0.25), self.pick(), *parameters, variance)

    def spelled_norm(self) -> Value:
        x = self.pick()
        epsilon = self.graph.constant(np.array(0.25))
        centered = self.add(ops.Sub(), x, self.add(ops.ReduceMean((2,), True), x))
        variance = self.add(ops.ReduceMean((-1,), True), self.add(ops.Square(), centered))
        return self.add(ops.Mul(), centered, self.add(ops.Rsqrt(), self.add(ops.Add(), variance, epsilon)))

    def moves(self) -> Value:
        x = self.pick()
        n = x.type.shape[0]
        pairs: list[tuple[Op, Op]] = [
            (ops.Reshape((n * 6, 4)), ops.Reshape((n, 6, 4))),
            (ops.Transpose((0, 2, 1)), ops.Transpose((0, 2, 1))),
            (ops.Transpose((2, 0, 1)), ops.Transpose((1, 2, 0))),
            (ops.Reverse((1,)), ops.Reverse((1, 2))),
            (ops.Reshape((n, 3, 2, 4)), ops.Reshape((n, 6, 4))),
            (ops.Pad(((0, 0), (2, 1), (0, 0))), ops.Slice((0, 1, 0), (n, 7, 4), (1, 1, 1))),
        ]
        first, second = self.choose.choice(pairs)
        middle = self.add(first, x)
        if self.choose.random() < 0.5 and not isinstance(first, ops.Pad):
            middle = self.add(self.choose.choice(UNARY[:7]), middle)
        return self.add(second, middle)

    def pieces(self) -> Value:
        first, second = self.graph.add(ops.Split(1, (2, 4)), self.pick()).outputs
        if self.choose.random() < 0.5:
            first = self.add(ops.Relu(), first)
        return self.add(ops.Concat(1), *self.choose.choice([(first, second), (second, first)]))

    def spread(self) -> Value:
        x = self.pick()
        mean = self.add(ops.ReduceMean((1,), keepdims=True), x)
        return self.add(ops.Add(), self.add(ops.BroadcastTo(x.type.shape), mean), self.pick())

    def choice(self) -> Value:
        condition = self.add(ops.Greater(), self.pick(), self.constant())
        condition = self.add(ops.LogicalNot(), condition) if self.choose.random() < 0.5 else condition
        return self.add(ops.Select(), condition, self.pick(), self.pick())

    def heads(self) -> Value:
        x = self.pick()
        y = self.add(ops.MatMul(), x, self.constant(4, 4))
        y = self.add(ops.Reshape((x.type.shape[0], 6, 2, 2)), y)
        turned = self.choose.random() < 0.5
        y = self.add(ops.Transpose((0, 2, 1, 3)), y) if turned else y
        shape = self.choose.choice([(), (2,), (2, 1, 1), (2, 1, 2), (6, 1)] if turned else [(2, 2), (2, 1), (6, 1, 1)])
        y = self.add(self.choose.choice((ops.Add(), ops.Mul(), ops.Div())), y, self.positive(*shape))
        if turned:
            scores = self.add(ops.MatMul(transpose_b=True), y, self.add(ops.Tanh(), y))
            scores = self.add(ops.Mul(), scores, self.positive())
            y = self.add(ops.Transpose((0, 2, 1, 3)), self.add(ops.MatMul(), scores, y))
        return self.add(ops.Softsign(), self.add(ops.Reshape(x.type.shape), y))

    def positive(self, *shape: int) -> Value:
        return self.graph.constant(np.random.default_rng(self.choose.randrange(1000)).choice([0.5, 0.75, 2.0], shape))

    def quotient(self) -> Value:
        x = self.add(ops.Div(), self.pick(), self.positive(4))
        two = self.graph.constant(np.array(2.0))
        below = self.add(ops.Add(), self.add(self.choose.choice((ops.Square(), ops.Abs())), self.pick()), two)
        op = self.choose.choice([ops.Reciprocal(), ops.Sqrt(), ops.Rsqrt(), ops.Log()])
        return self.add(
            self.choose.choice((ops.Mul(), ops.Div())), self.add(ops.Mul(), x, self.positive()), self.add(op, below)
        )

    def gathered(self) -> Value:
        indices = self.choose.choice([[5, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4, 5], [0, 2, 4, 1, 3, 5]])
        return self.add(ops.Gather(1), self.pick(), self.graph.constant(np.array(indices, np.int32)))

    def pooled(self) -> Value:
        x = self.pick()
        n = x.type.shape[0]
        kind = self.choose.choice((ops.ReduceMean, ops.ReduceMax, ops.ReduceSum))
        mean = self.add(ops.Reshape((n, 1, 4)), self.add(kind((1,)), x))
        return self.add(ops.Softsign(), self.add(ops.Mul(), x, self.add(ops.Sigmoid(), mean)))

    def build(self, steps: int) -> Graph:
        grow: list[Callable[[], Value]] = [
            self.unary,
            self.unary,
            self.binary,
            self.scale,
            self.scale,
            self.gate,
            self.conv,
            self.padded_conv,
            self.dense,
            self.norm,
            self.spelled_norm,
            self.moves,
            self.pieces,
            self.spread,
            self.choice,
            self.heads,
            self.quotient,
            self.gathered,
            self.pooled,
        ]
        for _ in range(steps):
            value = self.choose.choice(grow)()
            self.values.append(self.add(ops.Softsign(), value) if self.choose.random() < 0.25 else value)
        self.graph.output("last", self.values[-1])
        self.graph.output("other", self.choose.choice(self.values))
        return self.graph


def close(actual: Array, expected: Array) -> bool:
    scale = max(float(np.abs(expected).max()), 1e-3)
    return bool((np.abs(actual - expected) <= 1e-7 * scale).all())


@settings(max_examples=80, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.integers(1, 9))
def test_all_passes_keep_the_numbers(choose: random.Random, steps: int):
    graph = Builder(choose).build(steps)
    verify_graph(graph)
    optimized = graph.copy()
    run_passes(optimized, OPTIMIZE, verify=True)
    again = optimized.copy()
    assert not run_passes(again, OPTIMIZE)
    run_passes(optimized, ("fuse_activation",), verify=True)
    for n in (1, 3):
        rng = np.random.default_rng(n)
        inputs = {name: rng.standard_normal((n, 6, 4)) for name in ("x", "y")}
        before = evaluate(graph, inputs)
        after = evaluate(optimized, inputs)
        for name, expected in before.items():
            assert close(after[name], expected), f"{name}\n{to_text(graph)}\n{to_text(optimized)}"


@pytest.mark.parametrize("name", NAMES)
def test_each_pass_alone_keeps_the_numbers(name: str):
    for seed in range(12):
        graph = Builder(random.Random(seed)).build(8)
        optimized = graph.copy()
        run_passes(optimized, (name,), verify=True)
        inputs = {i.name: np.random.default_rng(seed).standard_normal((2, 6, 4)) for i in graph.inputs}
        for output, expected in evaluate(graph, inputs).items():
            assert close(evaluate(optimized, inputs)[output], expected)
