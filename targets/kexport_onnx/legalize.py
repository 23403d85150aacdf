"""Brings an optimized graph to the forms that the emitters know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kexport import ops
from kexport.errors import Unsupported, UnsupportedError
from kexport.ir.dim import SymDim
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.ops.window import explicit_pads
from kexport.passes.channels_first import channels_first, sink_through_batch_norm
from kexport.passes.decompose import DECOMPOSE, decompose
from kexport.passes.sink_transposes import SinkTransposes, transpose_above
from kexport.rewrite import Rewriter, RulePass, rule
from kexport.rewrite.rule import Replacement
from kexport.target import all_nodes

_NOT_NEGATIVE = (ops.Relu, ops.Relu6, ops.Sigmoid, ops.HardSigmoid, ops.Softplus)
_NOT_NEGATIVE_NAMES = {op.name for op in _NOT_NEGATIVE}
_STRANGERS = {DType.C64: "ONNX operators know no complex numbers", DType.STRING: "strings cannot be computed with"}

DECOMPOSED: tuple[type[Op], ...] = (
    ops.Atan2, ops.Expm1, ops.IsFinite, ops.Log1p, ops.NotEqual, ops.Rsqrt, ops.Silu, ops.Square,
    ops.SquaredDifference,
)  # fmt: skip
"""Ops that ONNX lacks. Silu it has, as Swish, since opset 24; ONNX Runtime has no kernel, but fuses x * sigmoid(x)."""

CHANNELS_FIRST: tuple[type[Op], ...] = (
    ops.Conv, ops.DepthwiseConv, ops.ConvTranspose, ops.MaxPool, ops.AvgPool, ops.GroupNorm, ops.Resize,
    ops.DepthToSpace, ops.SpaceToDepth,
)  # fmt: skip
"""Ops that ONNX has channels first."""

SINCE: dict[type[Op], int] = {ops.Gelu: 20, ops.RmsNorm: 23, ops.CumProd: 26}
"""The opset that brought the op; in older ones it is decomposed."""


def legalize(graph: Graph, opset: int) -> None:
    """Edit `graph` in place.

    Raises:
        UnsupportedError: element types that ONNX operators don't take, ops that this opset lacks.
    """
    refuse_strangers(graph)
    lacking = [op for op, since in SINCE.items() if opset < since]
    expand = RulePass("onnx_decompose", (*decompose(*DECOMPOSED, *lacking).rules, expand_norm))
    expand.run(graph)
    refuse_older(graph, lacking, opset)
    RulePass("onnx_pads", (fold_pad_into_conv, fold_pad_into_max_pool)).run(graph)
    RulePass("onnx_channels", (channels_first(*CHANNELS_FIRST), merge_into_transpose)).run(graph)
    SinkTransposes(sink_through_batch_norm).run(graph)
    RulePass("onnx_batch_norm", (DECOMPOSE[ops.BatchNorm], *expand.rules)).run(graph)
    RulePass("onnx_reductions", (keep_reduced_axes,)).run(graph)


def refuse_strangers(graph: Graph) -> None:
    """Raise one error for all nodes with an element type that ONNX can't compute with."""
    items = [
        Unsupported(node.origin, node.op.name, _STRANGERS[value.type.dtype])
        for node in all_nodes(graph)
        for value in (*node.inputs, *node.outputs)
        if value.type.dtype in _STRANGERS
    ]
    if items:
        raise UnsupportedError(list(dict.fromkeys(items)))


def refuse_older(graph: Graph, lacking: Sequence[type[Op]], opset: int) -> None:
    """Raise one error for all nodes that this opset lacks and that could not be expanded."""
    items = [
        Unsupported(n.origin, n.op.name, f"opset {opset} has none, and this one cannot be expanded")
        for n in all_nodes(graph)
        if isinstance(n.op, tuple(lacking))
    ]
    if items:
        newest = max(SINCE[op] for op in lacking)
        raise UnsupportedError(items, hint=f"choose opset {newest} or newer")


@rule(ops.LayerNorm, ops.RmsNorm)
def expand_norm(node: Node, rewriter: Rewriter) -> Replacement:
    """ONNX normalizes over the last axes only."""
    rank = node.output.type.rank
    axes: Any = node.op.attributes()["axes"]
    if sorted(a % rank for a in axes) == list(range(rank - len(axes), rank)):
        return None
    return DECOMPOSE[type(node.op)].function(node, rewriter)


@rule(ops.Conv, ops.DepthwiseConv)
def fold_pad_into_conv(node: Node, rewriter: Rewriter) -> Replacement:
    """Zeros around an image become padding of the convolution."""
    op: Any = node.op
    above = _spatial_pad(node.inputs[0])
    if above is None:
        return None
    pads = _pads_of(above)
    own = explicit_pads(
        above.output.type.shape[1:-1], node.inputs[1].type.shape[:-2], op.strides, op.dilation, op.padding
    )
    if op.padding == "same" and any(isinstance(d, SymDim) for pair in own for d in pair):
        return None
    total = tuple((a + c, b + d) for (a, b), (c, d) in zip(pads, own, strict=True))
    return rewriter.add(replace(op, padding=total), above.inputs[0], *node.inputs[1:])


@rule(ops.MaxPool)
def fold_pad_into_max_pool(node: Node, rewriter: Rewriter) -> Replacement:
    """Zeros around what is never negative cannot win, no more than the pool's own padding can.

    Every window must have an element of its own, so the padding must be smaller than the window.
    """
    op: Any = node.op
    above = _spatial_pad(node.inputs[0])
    if above is None or op.padding != "valid" or not _is_not_negative(above.inputs[0]):
        return None
    pads = _pads_of(above)
    if any(not isinstance(p, int) or p >= w for pair, w in zip(pads, op.window, strict=True) for p in pair):
        return None
    return rewriter.add(replace(op, padding=pads), above.inputs[0])


def _spatial_pad(value: Value) -> Node | None:
    """The node that puts zeros around the spatial axes to make `value`."""
    node = value.producer
    match node and node.op:
        case ops.Pad(pads=((0, 0), *_, (0, 0)), mode="constant", value=0):
            return node
    return None


def _pads_of(node: Node) -> Any:
    assert isinstance(node.op, ops.Pad)
    return node.op.pads[1:-1]


def _is_not_negative(value: Value) -> bool:
    op = value.producer and value.producer.op
    return isinstance(op, _NOT_NEGATIVE) or getattr(op, "activation", None) in _NOT_NEGATIVE_NAMES


@rule(ops.MatMul)
def merge_into_transpose(node: Node, rewriter: Rewriter) -> Replacement:
    """A product that transposes what was transposed just before leaves both to one transpose."""
    op: Any = node.op
    a, b = node.inputs
    if op.transpose_b and transpose_above(b):
        return rewriter.add(replace(op, transpose_b=False), a, rewriter.add(_swap_last(b), b))
    if op.transpose_a and transpose_above(a):
        return rewriter.add(replace(op, transpose_a=False), rewriter.add(_swap_last(a), a), b)
    return None


def _swap_last(value: Value) -> ops.Transpose:
    rank = value.type.rank
    return ops.Transpose((*range(rank - 2), rank - 1, rank - 2))


@rule(ops.Reshape)
def keep_reduced_axes(node: Node, rewriter: Rewriter) -> Replacement:
    """reshape(reduce(x)) that brings the reduced axes back is a reduction that keeps them."""
    above = node.inputs[0].producer
    op: Any = above and above.op
    if above is None or not isinstance(op, (ops.ReduceMean, ops.ReduceMax)) or op.keepdims:
        return None
    kept = replace(op, keepdims=True)
    if kept.infer(above.inputs[0].type) != node.output.type:
        return None
    return rewriter.add(kept, above.inputs[0])
