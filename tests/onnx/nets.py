"""Small conv nets, built by hand as capture would build them: channels last, with random weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim, symbol
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType, TensorType

BATCH = symbol("batch")


class Net:
    """A graph under construction, with the layers that the tests need."""

    def __init__(self, *spatial: Dim, channels: int = 3):
        self.graph = Graph("net")
        self.rng = np.random.default_rng(0)
        self.x = self.graph.input("image", TensorType(DType.F32, (BATCH, *spatial, channels)))
        self.layers = 0

    def add(self, op: Any, *values: Value) -> Value:
        self.layers += 1
        return self.graph.add(op, *values, origin=f"block/{op.name}_{self.layers}").output

    def weight(self, *shape: int, low: float = -0.5, high: float = 0.5) -> Value:
        return self.graph.constant(self.rng.uniform(low, high, shape).astype(np.float32), f"w{self.layers}")

    def conv(self, x: Value, filters: int, size: int = 3, stride: int = 1, padding: Any = "same", **more: Any) -> Value:
        spatial = x.type.rank - 2
        channels = int(x.type.shape[-1])  # type: ignore[arg-type]
        kernel = self.weight(*(size,) * spatial, channels, filters)
        bias = self.weight(filters)
        return self.add(ops.Conv((stride,) * spatial, padding, (1,) * spatial, **more), x, kernel, bias)

    def depthwise(self, x: Value, size: int = 3, stride: int = 1, padding: Any = "same") -> Value:
        channels = int(x.type.shape[-1])  # type: ignore[arg-type]
        return self.add(ops.DepthwiseConv((stride,) * 2, padding, (1, 1)), x, self.weight(size, size, channels, 1))

    def batch_norm(self, x: Value) -> Value:
        c = int(x.type.shape[-1])  # type: ignore[arg-type]
        parameters = [self.weight(c), self.weight(c), self.weight(c), self.weight(c, low=0.5, high=2)]
        return self.add(ops.BatchNorm(1e-3), x, *parameters)

    def dense(self, x: Value, units: int, activation: str | None = None) -> Value:
        return self.add(ops.Dense(activation), x, self.weight(int(x.type.shape[-1]), units), self.weight(units))  # type: ignore[arg-type]

    def done(self, *values: Value) -> Graph:
        for i, value in enumerate(values):
            self.graph.output(f"out{i}", value)
        return self.graph


def plain() -> Graph:
    """conv, batch norm, relu, pool, global pool, dense."""
    n = Net(16, 16)
    x = n.add(ops.Relu(), n.batch_norm(n.conv(n.x, 8, stride=2)))
    x = n.add(ops.MaxPool((3, 3), (2, 2), "same"), x)
    x = n.add(ops.AvgPool((2, 2), (1, 1), "same"), n.conv(x, 8, activation="relu6"))
    return n.done(n.dense(n.add(ops.ReduceMean((1, 2)), x), 5))


def residual() -> Graph:
    """Inverted residual blocks, one with a projection; batch norm before the activation as in V2 networks."""
    n = Net(16, 16)
    x = n.conv(n.x, 8)
    y = n.conv(n.depthwise(n.conv(x, 16, 1, activation="relu6")), 8, 1)
    x = n.add(ops.Add(), x, y)
    y = n.add(ops.Relu(), n.batch_norm(x))
    x = n.add(ops.Add(), n.conv(y, 12, 1, 2), n.conv(n.conv(y, 12), 12, 3, 2))
    return n.done(n.add(ops.ReduceMax((1, 2)), n.add(ops.Silu(), x)))


def squeeze_excite() -> Graph:
    """The gate once through dense layers, once through 1x1 convolutions."""
    n = Net(12, 12)
    x = n.conv(n.x, 8)
    gate = n.dense(n.dense(n.add(ops.ReduceMean((1, 2)), x), 4, "relu"), 8, "sigmoid")
    x = n.add(ops.Mul(), x, n.add(ops.Reshape((BATCH, 1, 1, 8)), gate))
    x = n.depthwise(n.add(ops.HardSilu(), x))
    pooled = n.add(ops.Reshape((BATCH, 1, 1, 8)), n.add(ops.ReduceMean((1, 2)), x))
    gate = n.add(ops.HardSigmoid(), n.conv(n.conv(pooled, 4, 1, activation="relu"), 8, 1))
    x = n.conv(n.add(ops.Mul(), gate, x), 8)
    return n.done(n.dense(n.add(ops.ReduceMean((1, 2)), x), 3))


def dense_block() -> Graph:
    """Concatenation, padding, cropping, splitting; flattened into a dense layer."""
    n = Net(12, 12)
    x = n.add(ops.Pad(((0, 0), (1, 1), (1, 1), (0, 0))), n.conv(n.x, 6, padding="valid"))
    for _ in range(2):
        y = n.conv(n.add(ops.Relu(), n.batch_norm(x)), 4)
        x = n.add(ops.Concat(-1), x, y)
    left, right = n.graph.add(ops.Split(-1, (6, 8)), x, origin="block/split").outputs
    right = n.add(ops.Slice((0, 1, 1, 0), (BATCH, 11, 11, 8), (1, 1, 1, 1)), n.add(ops.LeakyRelu(0.1), right))
    x = n.add(ops.Concat(3), n.conv(left, 6, 3, padding="valid"), right)
    return n.done(n.dense(n.add(ops.Reshape((BATCH, 1400)), x), 5, "relu"))


def decoder() -> Graph:
    """Down and up again, with skips; the output is an image, so one transpose is left at the end."""
    n = Net(16, 16)
    skip = n.conv(n.x, 6, activation="relu")
    x = n.conv(n.add(ops.MaxPool((2, 2), (2, 2), "valid"), skip), 8)
    x = n.add(ops.GroupNorm(2, 1e-3), x, n.weight(8), n.weight(8))
    up = n.add(ops.ConvTranspose((2, 2), "same", None, (1, 1)), x, n.weight(3, 3, 6, 8), n.weight(6))
    grown = n.add(ops.Resize((16, 16), "bilinear"), n.conv(x, 6, 1))
    x = n.add(ops.Concat(-1), skip, n.add(ops.Add(), up, grown))
    x = n.add(ops.DepthToSpace(2), n.conv(x, 8))
    return n.done(n.add(ops.Tanh(), n.conv(x, 3)))


def zero_padded_pools() -> Graph:
    """Zeros before MaxPool: folded where nothing is negative, kept where something may be."""
    n = Net(13, 13)
    ring = ops.Pad(((0, 0), (1, 1), (1, 1), (0, 0)))
    x = n.conv(n.add(ops.Pad(((0, 0), (2, 1), (3, 3), (0, 0))), n.x), 6, 5, 2, "valid", activation="relu")
    x = n.add(ops.MaxPool((3, 3), (2, 2), "valid"), n.add(ring, x))
    x = n.conv(x, 6)
    return n.done(n.add(ops.MaxPool((3, 3), (2, 2), "valid"), n.add(ring, x)))


def any_size() -> Graph:
    """Dynamic height and width: strides, pools, transposed convolution, upsampling, global pooling."""
    h = symbol("height")
    w = symbol("width")
    n = Net(h, w)
    x = n.conv(n.x, 4, 3, 2)
    x = n.add(ops.MaxPool((3, 3), (2, 2), "same"), n.add(ops.Relu(), n.batch_norm(x)))
    x = n.add(ops.AvgPool((2, 2), (2, 2), "same"), n.depthwise(x, 5, 2))
    x = n.add(ops.ConvTranspose((3, 3), "same", None, (1, 1)), x, n.weight(2, 2, 4, 4), n.weight(4))
    rows, columns = x.type.shape[1:3]
    x = n.conv(n.add(ops.Resize((2 * rows, 2 * columns)), x), 4)
    flat = n.add(ops.Reshape((BATCH, 4 * rows * columns, 4)), x)
    return n.done(x, flat, n.add(ops.ReduceMean((1, 2)), x))


def line() -> Graph:
    """One spatial axis, dilated and causal."""
    n = Net(symbol("length"))
    x = n.conv(n.add(ops.Pad(((0, 0), (4, 0), (0, 0))), n.x), 6, 3, padding="valid", activation="relu")
    x = n.add(ops.Add(), x, n.conv(n.add(ops.Gelu(False), n.batch_norm(x)), 6))
    return n.done(n.add(ops.ReduceMax((1,)), x))


def volume() -> Graph:
    """Three spatial axes."""
    n = Net(6, 7, 8, channels=2)
    x = n.add(ops.MaxPool((2, 2, 2), (2, 2, 2), "same"), n.conv(n.x, 4, activation="relu"))
    return n.done(n.add(ops.ReduceMean((1, 2, 3)), n.conv(x, 4)))


NETS = (plain, residual, squeeze_excite, dense_block, decoder, zero_padded_pools, any_size, line, volume)
