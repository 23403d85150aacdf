"""Small graphs that use what single ops don't show: fused activations, shared tensors, dynamic sizes, many weights."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.types import DType, TensorType

BATCH = symbol("batch")


def image_net(size: int = 12, channels: int = 8) -> Graph:
    """Convolutions, a pool and two dense layers with a softmax; input `image`, outputs `class` and `features`."""
    rng = np.random.default_rng(5)

    def weight(*shape: int) -> Array:
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32)

    g = Graph("image_net")
    x = g.input("image", TensorType(DType.F32, (BATCH, size, size, 3)))
    for i, (stride, wide) in enumerate(((1, channels), (2, 2 * channels))):
        kernel = g.constant(weight(3, 3, 3 if i == 0 else channels, wide), f"conv{i}/kernel")
        bias = g.constant(weight(wide), f"conv{i}/bias")
        x = g.add(ops.Conv((stride, stride), "same", (1, 1)), x, kernel, bias, origin=f"conv{i}").output
        x = g.add(ops.Relu(), x, origin=f"relu{i}").output
    kernel = g.constant(weight(3, 3, 2 * channels, 1), "depthwise/kernel")
    x = g.add(ops.DepthwiseConv((1, 1), "same", (1, 1)), x, kernel, origin="depthwise").output
    x = g.add(ops.Relu6(), x, origin="relu6").output
    features = g.add(ops.ReduceMean((1, 2)), x, origin="pool").output
    w = g.constant(weight(2 * channels, 5), "dense/kernel")
    b = g.constant(weight(5), "dense/bias")
    y = g.add(ops.Dense(), features, w, b, origin="dense").output
    g.output("class", g.add(ops.Softmax(), y, origin="dense").output)
    g.output("features", features)
    return g


def twice(name: str = "again") -> Graph:
    """One tensor as two outputs, and the input itself as a third."""
    g = Graph("twice")
    x = g.input("x", TensorType(DType.F32, (BATCH, 3)))
    y = g.add(ops.Neg(), x, origin="neg").output
    g.output("y", y)
    g.output(name, y)
    g.output("same", x)
    return g


def integers(dtype: DType = DType.I64) -> Graph:
    """Token ids in a type that JavaScript lacks: embedded, and one more than they are."""
    g = Graph("integers")
    ids = g.input("ids", TensorType(dtype, (BATCH, symbol("length"))))
    table = g.constant(np.arange(12, dtype=np.float32).reshape(6, 2), "table")
    g.output("rows", g.add(ops.Gather(0), table, ids, origin="embedding").output)
    one = g.constant(np.array(1, dtype.numpy))
    g.output("next", g.add(ops.Add(), ids, one, origin="add").output)
    return g
