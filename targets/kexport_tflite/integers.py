"""Finds what a quantized graph computes in integers: operators between `dequantize` and `quantize`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kexport import ops
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.rewrite.grids import Grid, grid_of, held_in


@dataclass(frozen=True)
class Kernel:
    """What an operator asks of its integers."""

    same: bool = False
    """Its result lies on the grid of its operands, which all have one."""
    output: tuple[float, int] | None = None
    """The only grid of its result."""
    weights: tuple[int, ...] = ()
    """Operands that have to be constants with zeros at 0."""
    bias: int | None = None
    """The operand that is an int32 constant."""
    types: frozenset[DType] = frozenset({DType.I8, DType.U8, DType.I16})


_SAME = Kernel(same=True)
_ANY = Kernel()
_UNIT = Kernel(output=(1 / 256, -128))
KERNELS: dict[type[Op], Kernel] = {
    **dict.fromkeys((ops.Conv, ops.DepthwiseConv, ops.Dense), Kernel(weights=(1,), bias=2)),
    **dict.fromkeys((
        ops.Reshape, ops.Transpose, ops.Slice, ops.Split, ops.Concat, ops.MaxPool, ops.AvgPool, ops.Tile, ops.Reverse,
        ops.DepthToSpace, ops.SpaceToDepth, ops.BroadcastTo, ops.ReduceMax, ops.ReduceMin, ops.Pad, ops.Maximum,
        ops.Minimum, ops.Resize, ops.Gather, ops.Select,
    ), _SAME),
    **dict.fromkeys((
        ops.Add, ops.Sub, ops.Mul, ops.ReduceMean, ops.Relu, ops.Relu6, ops.LeakyRelu, ops.HardSilu, ops.MatMul,
        ops.Quantize,
    ), _ANY),
    ops.Sigmoid: _UNIT, ops.Softmax: _UNIT, ops.Tanh: Kernel(output=(1 / 128, 0)),
}  # fmt: skip
"""The operators that compute in int8. Those that have none here are computed in float32, between DEQUANTIZE and
QUANTIZE."""


@dataclass
class Integers:
    """What is held in integers in one graph."""

    stands_for: dict[Value, Value] = field(default_factory=dict[Value, Value])
    """The integers by the float value that they stand for, where an operator works on them."""
    grids: dict[Value, Grid] = field(default_factory=dict[Value, Grid])
    """The grid of integers."""
    nodes: set[Node] = field(default_factory=set[Node])
    """The nodes that work on integers."""
    outputs: set[Value] = field(default_factory=set[Value])
    """The results of the graph."""

    def idle(self, node: Node) -> bool:
        """Whether nothing is left to do for a node: an integer operator has taken it in."""
        if isinstance(node.op, ops.Dequantize):
            users = node.output.users
            read = node.output in self.outputs or not all(user in self.nodes for user in users)
            return node.inputs[0].data is not None or (bool(users) and not read)
        source = node.inputs[0].producer if node.inputs else None
        return isinstance(node.op, ops.Quantize) and source in self.nodes


def find_integers(graph: Graph) -> Integers:
    """What a legalized graph computes in integers."""
    found = Integers(outputs={o.value for o in graph.outputs})
    for node in graph.nodes:
        grid = grid_of(node)
        if grid is not None:
            found.grids[node.output if isinstance(node.op, ops.Quantize) else node.inputs[0]] = grid
    for node in graph.nodes:
        kernel = KERNELS.get(type(node.op))
        pairs = _pairs(node, kernel, graph, found.grids) if kernel is not None else None
        if pairs is not None:
            found.nodes.add(node)
            found.stands_for.update(pairs)
    return found


def _pairs(node: Node, kernel: Kernel, graph: Graph, grids: Mapping[Value, Grid]) -> dict[Value, Value] | None:
    """The integers for all float values of a node; None unless all of it can be computed in integers."""
    pairs: dict[Value, Value] = {}
    data = node.inputs[:1] if isinstance(node.op, ops.Quantize) else [v for v in node.inputs if v.type.dtype.is_float]
    for value in data:
        held = held_in(value)
        if held is None:
            return None
        pairs[value] = held
    outputs: list[Value] = []
    for value in node.outputs if not isinstance(node.op, ops.Quantize) else ():
        quantized = quantized_to(value, graph)
        if quantized is None:
            return None
        pairs[value] = quantized
        outputs.append(quantized)
    if isinstance(node.op, ops.Quantize):
        outputs = [node.output]
    return pairs if data and _fits(node, kernel, [pairs[v] for v in data], outputs, grids) else None


def _fits(node: Node, kernel: Kernel, inputs: list[Value], outputs: list[Value], grids: Mapping[Value, Grid]) -> bool:
    """Whether the grids are such as the kernel takes."""
    by_place = dict(zip([i for i, v in enumerate(node.inputs) if v.type.dtype.is_float], inputs, strict=False))
    constants = {*kernel.weights, *([] if kernel.bias is None else [kernel.bias])}
    for place in constants & by_place.keys():
        value = by_place[place]
        if value.data is None or grids[value].zeros.any():
            return False
        if place == kernel.bias and value.type.dtype is not DType.I32:
            return False
    moving = [*(v for p, v in by_place.items() if p not in constants), *outputs]
    if any(not grids[v].is_whole or v.type.dtype not in kernel.types for v in moving):
        return False
    if len({v.type.dtype for v in moving}) != 1 and not isinstance(node.op, ops.Quantize):
        return False
    if kernel.same and not all(grids[v].same(grids[moving[0]]) for v in moving):
        return False
    if kernel.output is None:
        return True
    scale, zero = kernel.output
    return all(float(grids[v].scales[0]) == scale and int(grids[v].zeros[0]) == zero for v in outputs)


def quantized_to(value: Value, graph: Graph) -> Value | None:
    """The integers that are all that becomes of a value."""
    users = list(value.users)
    if len(users) != 1 or graph.is_output(value) or not isinstance(users[0].op, ops.Quantize):
        return None
    return users[0].output if grid_of(users[0]) else None
