"""Counts the multiply-adds of a node from its shapes: only matrix products and convolutions, as the rest is little."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from kexport.errors import GraphError
from kexport.ir.dim import Dim, substitute
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import RegionOp
from kexport.ops.conv import Conv, ConvTranspose, DepthwiseConv
from kexport.ops.matmul import Dense, MatMul
from kexport.ops.recurrent import Gru, Lstm, SimpleRnn

BATCH = "batch"
FALLBACK = 32
"""The size assumed for a dynamic dim that was never recorded."""


def default_sizes(graph: Graph, recorded: Mapping[str, int]) -> dict[str, int]:
    """Return sizes for dynamic dims: a batch of 1, others as large as they were recorded."""
    return {s: 1 if s == BATCH else recorded.get(s, FALLBACK) for s in sorted(graph.symbols())}


def multiply_adds(node: Node, sizes: Mapping[str, int]) -> int | None:
    """Count the multiply-adds of a node; None if unknown: loops, branches, sizes from data."""
    if isinstance(node.op, RegionOp):
        return None
    count = _COUNTS.get(type(node.op))
    try:
        return count(node, _Shapes(sizes)) if count else 0
    except (GraphError, TypeError, ValueError):
        return None


class _Shapes:
    """Bind the symbols of shapes to sizes."""

    def __init__(self, sizes: Mapping[str, Dim]):
        self._sizes = sizes

    def __call__(self, value: Value) -> tuple[int, ...]:
        found = tuple(substitute(d, self._sizes) for d in value.type.shape)
        return tuple(int(d) for d in found)  # type: ignore[arg-type]  # a TypeError if a symbol is unbound

    def size(self, value: Value) -> int:
        return prod(self(value))


def _conv(node: Node, shape: _Shapes) -> int:
    return shape.size(node.output) * prod(shape(node.inputs[1])[:-1])


def _depthwise(node: Node, shape: _Shapes) -> int:
    return shape.size(node.output) * prod(shape(node.inputs[1])[:-2])


def _conv_transpose(node: Node, shape: _Shapes) -> int:
    return shape.size(node.inputs[0]) * prod(shape(node.inputs[1])[:-1])


def _dense(node: Node, shape: _Shapes) -> int:
    return shape.size(node.output) * shape(node.inputs[1])[0]


def _mat_mul(node: Node, shape: _Shapes) -> int:
    left = shape(node.inputs[0])
    transposed = getattr(node.op, "transpose_a", False) and len(left) > 1
    return shape.size(node.output) * left[-2 if transposed else -1]


def _recurrent(node: Node, shape: _Shapes) -> int:
    steps = prod(shape(node.inputs[0])[:2])
    kernels = [v for v in node.inputs if v.type.rank == 2 and v.data is not None]
    return steps * sum(shape.size(v) for v in kernels)


_COUNTS: dict[type, Callable[[Node, _Shapes], int]] = {
    Conv: _conv,
    DepthwiseConv: _depthwise,
    ConvTranspose: _conv_transpose,
    Dense: _dense,
    MatMul: _mat_mul,
    SimpleRnn: _recurrent,
    Gru: _recurrent,
    Lstm: _recurrent,
}
