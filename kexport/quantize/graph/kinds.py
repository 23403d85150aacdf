"""What quantization does with each op: which have weights, which share grids, which have one of their own."""

from __future__ import annotations

from dataclasses import dataclass

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.op import Op

WEIGHTS: dict[type[Op], int] = {ops.Conv: -1, ops.DepthwiseConv: -2, ops.Dense: -1}
"""Ops with weights as their second operand and a bias as their third, and the axis of the weights that is the
channels of the result."""
UNIT = (ops.Sigmoid, ops.Softmax)
SIGNED_UNIT = (ops.Tanh,)
RECTIFIERS = (ops.Relu, ops.Relu6, ops.Clip)
"""What is folded into the range of the op before: its result is cut off at the ends of its integers anyway."""
KEEPING = (
    ops.Reshape, ops.Transpose, ops.Slice, ops.Split, ops.Tile, ops.Reverse, ops.BroadcastTo, ops.DepthToSpace,
    ops.SpaceToDepth, ops.MaxPool, ops.AvgPool, ops.ReduceMax, ops.ReduceMin, ops.Pad, ops.Resize, ops.Gather,
)  # fmt: skip
"""What leaves numbers on the grid of its first operand."""
JOINING = (ops.Concat, ops.Maximum, ops.Minimum)
"""What wants all operands on the grid of its result."""
COMPUTING = (ops.Add, ops.Sub, ops.Mul, ops.ReduceMean, ops.LeakyRelu, ops.HardSilu, ops.MatMul)
"""What computes from one grid to another."""
INTEGER: tuple[type[Op], ...] = (*WEIGHTS, *UNIT, *SIGNED_UNIT, *RECTIFIERS, *KEEPING, *JOINING, *COMPUTING)
"""Ops that integer engines have. All others stay in float, between dequantize and quantize."""


@dataclass(frozen=True)
class Operands:
    """The float operands of a node, by what they are."""

    data: tuple[int, ...]
    weights: int | None = None
    bias: int | None = None


def operands(node: Node) -> Operands:
    """What the operands of a node are. Weights that are computed count as data."""
    floats = [i for i, v in enumerate(node.inputs) if v.type.dtype.is_float]
    if type(node.op) not in WEIGHTS or node.inputs[1].data is None or not _is_constant(node.inputs[2:]):
        return Operands(tuple(floats))
    return Operands((0,), 1, 2 if len(node.inputs) > 2 else None)


def _is_constant(values: tuple[Value, ...]) -> bool:
    return all(v.data is not None for v in values)


def channel_axis(node: Node) -> int | None:
    """The axis of the weights that has a scale for each channel; None for one scale.

    A depthwise kernel with several filters a channel has its results along two axes.
    """
    kernel = node.inputs[1].type
    if isinstance(node.op, ops.DepthwiseConv) and kernel.shape[-1] != 1:
        return None
    return WEIGHTS[type(node.op)] % kernel.rank


def folds_into(node: Node) -> Node | None:
    """The rectifier that alone reads the result of an op, and is folded into its range."""
    if not isinstance(node.op, (*WEIGHTS, ops.Add, ops.Sub, ops.Mul)) or len(node.outputs) != 1:
        return None
    users = node.output.users
    graph = node.graph
    if len(users) != 1 or graph is None or graph.is_output(node.output):
        return None
    return users[0] if isinstance(users[0].op, RECTIFIERS) else None
