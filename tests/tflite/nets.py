"""Nets that XNNPACK should take whole: a plain conv net and transformer encoders, as capture makes them."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim, symbol
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType, TensorType

BATCH = symbol("batch")
LENGTH = symbol("length")


class Layers:
    """A graph under construction; the rank of inputs is free."""

    def __init__(self, *shape: Dim):
        self.graph = Graph("net")
        self.rng = np.random.default_rng(0)
        self.x = self.graph.input("x", TensorType(DType.F32, shape))

    def add(self, op: ops.Op, *values: Value) -> Value:  # type: ignore[name-defined]
        return self.graph.add(op, *values, origin=op.name).output

    def weight(self, *shape: int) -> Value:
        return self.graph.constant(self.rng.normal(0, 0.2, shape).astype(np.float32), "w")

    def dense(self, x: Value, units: int, activation: str | None = None) -> Value:
        return self.add(ops.Dense(activation), x, self.weight(int(x.type.shape[-1]), units), self.weight(units))  # type: ignore[arg-type]

    def norm(self, x: Value) -> Value:
        width = int(x.type.shape[-1])  # type: ignore[arg-type]
        return self.add(ops.LayerNorm((-1,), 1e-6), x, self.weight(width), self.weight(width))

    def done(self, y: Value) -> Graph:
        self.graph.output("y", y)
        return self.graph


def conv_net(batch: Dim, size: Dim = 16) -> Graph:
    """Strided, depthwise, dilated, grouped and transposed convolutions, pools, a residual, softmax."""
    n = Layers(batch, size, size, 3)
    x = n.add(ops.Conv((2, 2), "same", (1, 1), 1, "relu6"), n.x, n.weight(3, 3, 3, 8), n.weight(8))
    y = n.add(ops.DepthwiseConv((1, 1), "same", (2, 2)), x, n.weight(3, 3, 8, 1), n.weight(8))
    y = n.add(ops.Conv((1, 1), "valid", (1, 1)), n.add(ops.HardSilu(), y), n.weight(1, 1, 8, 8))
    x = n.add(ops.Relu(), n.add(ops.Add(), x, y))
    x = n.add(ops.Conv((1, 1), ((1, 2), (0, 1)), (1, 1), 2), x, n.weight(3, 3, 4, 8), n.weight(8))
    x = n.add(ops.MaxPool((2, 2), (2, 2), "same"), x)
    x = n.add(ops.ConvTranspose((2, 2), "same", None, (1, 1)), x, n.weight(3, 3, 6, 8), n.weight(6))
    x = n.add(ops.AvgPool((3, 3), (2, 2), "same"), n.add(ops.Silu(), x))
    x = n.dense(n.add(ops.ReduceMean((1, 2)), x), 10)
    return n.done(n.add(ops.Softmax(), x))


def encoder(batch: Dim, length: Dim = 12, width: int = 16, heads: int = 2) -> Graph:
    """One block: attention with heads, GELU, layer norms and residuals."""
    n = Layers(batch, length, width)
    depth = width // heads
    y = n.norm(n.x)
    split = ops.Reshape((batch, length, heads, depth))
    q, k, v = (n.add(ops.Transpose((0, 2, 1, 3)), n.add(split, n.dense(y, width))) for _ in range(3))
    scale = n.graph.constant(np.float32(depth**-0.5))
    scores = n.add(ops.MatMul(transpose_b=True), n.add(ops.Mul(), q, scale), k)
    y = n.add(ops.MatMul(), n.add(ops.Softmax(), scores), v)
    y = n.add(ops.Reshape((batch, length, width)), n.add(ops.Transpose((0, 2, 1, 3)), y))
    x = n.add(ops.Add(), n.x, n.dense(y, width))
    y = n.dense(n.add(ops.Gelu(False), n.dense(n.norm(x), 4 * width)), width)
    return n.done(n.add(ops.Add(), x, y))


def causal_line(batch: Dim, length: Dim = 20) -> Graph:
    """Dilated convolutions that look back only."""
    n = Layers(batch, length, 8)
    x = n.x
    for rate in (1, 2, 4):
        padded = n.add(ops.Pad(((0, 0), (2 * rate, 0), (0, 0))), x)
        x = n.add(ops.Conv((1,), "valid", (rate,), 1, "relu"), padded, n.weight(3, 8, 8), n.weight(8))
    return n.done(n.add(ops.ReduceMax((1,)), x))
