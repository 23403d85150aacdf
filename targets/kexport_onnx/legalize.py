"""Brings an optimized graph to the forms that the emitters know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kexport import ops
from kexport.errors import Unsupported, UnsupportedError
from kexport.ir.dim import SymDim
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.ops.resample import grows
from kexport.passes import cse, layout
from kexport.passes.channels_first import channels_first, sink_through_batch_norm
from kexport.passes.decompose import DECOMPOSE, decompose
from kexport.passes.loop_layout import hold_channels_first
from kexport.passes.narrow_integers import four_bits
from kexport.passes.sink_transposes import SinkTransposes, transpose_above
from kexport.rewrite import Rewriter, RulePass, rule
from kexport.rewrite.rule import Replacement
from kexport.rewrite.term import Term
from kexport.target import all_nodes
from kexport_onnx.options import OnnxOptions
from kexport_onnx.text import reason_against
from kexport_onnx.time_first import time_first
from kexport_onnx.versions import FOUR_BITS

_STRANGERS = {DType.C64: "ONNX operators know no complex numbers"}
_WIDE_POOL = "ONNX pools no 64-bit integers"
_REFUSED: dict[tuple[type[Op], DType], str] = {
    (ops.MaxPool, DType.I64): _WIDE_POOL,
    (ops.MaxPool, DType.U64): _WIDE_POOL,
}

DECOMPOSED: tuple[type[Op], ...] = (
    ops.Atan2, ops.Expm1, ops.HashNumber, ops.IsFinite, ops.Log1p, ops.NotEqual, ops.Rsqrt, ops.Silu, ops.Square,
    ops.SquaredDifference,
)  # fmt: skip
"""Ops that ONNX lacks. Silu it has, as Swish, since opset 24; ONNX Runtime has no kernel, but fuses x * sigmoid(x)."""

CHANNELS_FIRST: tuple[type[Op], ...] = (
    ops.Conv, ops.DepthwiseConv, ops.ConvTranspose, ops.MaxPool, ops.AvgPool, ops.GroupNorm, ops.Resize,
    ops.DepthToSpace, ops.SpaceToDepth,
)  # fmt: skip
"""Ops that ONNX has channels first."""

SINGLE: tuple[type[Op], ...] = (
    ops.Celu, ops.Elu, ops.GroupNorm, ops.HardSigmoid, ops.HardSilu, ops.LayerNorm, ops.LeakyRelu, ops.Mish, ops.Prelu,
    ops.RmsNorm, ops.Selu, ops.Softplus, ops.Softsign, ops.Threshold,
)  # fmt: skip
"""Ops that ONNX Runtime computes in float32 only; in float64 they are decomposed."""

SINCE: dict[type[Op], int] = {ops.CumProd: 26}
"""The opset that brought the op; for older ones it is decomposed."""


def legalize(graph: Graph, options: OnnxOptions) -> None:
    """Edit an optimized `graph` in place.

    Raises:
        UnsupportedError: element types that ONNX operators don't take, text that the chosen opset lacks.
    """
    newest, chosen = options.newest(graph), options.written_for(graph)
    refuse_strangers(graph, newest)
    shared = (silu_of_doubles, *decompose(*DECOMPOSED, *(op for op, since in SINCE.items() if chosen < since)).rules)
    expand = RulePass(
        "onnx_decompose", (*shared, expand_norm, pool_of_points, expand_double, resize_of_open_size, time_first)
    )
    expand.run(graph)
    RulePass("onnx_channels", (channels_first(*CHANNELS_FIRST), merge_into_transpose)).run(graph)
    SinkTransposes(sink_through_batch_norm, hold_channels_first).run(graph)
    RulePass("onnx_batch_norm", (DECOMPOSE[ops.BatchNorm], *expand.rules)).run(graph)
    layout.PASS.run(graph)
    if newest >= FOUR_BITS and options.has_four_bits:
        RulePass("onnx_integers", (four_bits,)).run(graph)
    cse.PASS.run(graph)


def refuse_strangers(graph: Graph, newest: int) -> None:
    """Raise one error for all nodes with an element type that ONNX can't compute with, or not with this op."""
    items = [Unsupported(n.origin, n.op.name, why) for n in all_nodes(graph) if (why := reason_against(n, newest))]
    items += [
        Unsupported(node.origin, node.op.name, reason)
        for node in all_nodes(graph)
        for value in (*node.inputs, *node.outputs)
        if (reason := _STRANGERS.get(value.type.dtype) or _REFUSED.get((type(node.op), value.type.dtype)))
    ]
    if items:
        raise UnsupportedError(list(dict.fromkeys(items)))


@rule(ops.LayerNorm, ops.RmsNorm)
def expand_norm(node: Node, rewriter: Rewriter) -> Replacement:
    """ONNX normalizes over the last axes only."""
    rank = node.output.type.rank
    axes: Any = node.op.attributes()["axes"]
    if sorted(a % rank for a in axes) == list(range(rank - len(axes), rank)):
        return None
    return DECOMPOSE[type(node.op)].function(node, rewriter)


@rule(ops.MaxPool, ops.AvgPool)
def pool_of_points(node: Node, rewriter: Rewriter) -> Replacement:
    """Along an axis with windows of one element, a slice: ONNX Runtime finds negative padding in one of open size."""
    op: Any = node.op
    (x,) = node.inputs
    points = [n == 1 < s for n, s in zip(op.window, op.strides, strict=True)]
    if not any(points) or not isinstance(op.padding, str):
        return None
    steps = tuple(s if point else 1 for s, point in zip(op.strides, points, strict=True))
    thin = rewriter.add(ops.Slice((0,) * x.type.rank, x.type.shape, (1, *steps, 1)), x)
    rest = tuple(1 if point else s for s, point in zip(op.strides, points, strict=True))
    found = thin if set(op.window) == {1} else rewriter.add(replace(op, strides=rest), thin)
    return found if found.type == node.output.type else None


@rule(ops.Resize)
def resize_of_open_size(node: Node, rewriter: Rewriter) -> Replacement:
    """ONNX has no lanczos, and ONNX Runtime no cubics but by whole factors, be they widened or not."""
    op: Any = node.op
    old = node.inputs[0].type.shape[1:3]
    if not any(isinstance(d, SymDim) for d in (*old, *op.size)) or op.method in ("nearest", "bilinear"):
        return None
    if op.method == "bicubic" and grows(old, op.size):
        return None
    return DECOMPOSE[ops.Resize].function(node, rewriter)


@rule(*SINGLE)
def expand_double(node: Node, rewriter: Rewriter) -> Replacement:
    """What has kernels for float32 only."""
    return DECOMPOSE[type(node.op)].function(node, rewriter) if node.output.type.dtype is DType.F64 else None


@rule(ops.Silu)
def silu_of_doubles(node: Node, rewriter: Rewriter) -> Replacement:
    """x / (1 + e^-x): ONNX Runtime fuses x * sigmoid(x) in float64 too, and has no kernel for that."""
    x = Term(rewriter, node.inputs[0])
    if x.type.dtype is not DType.F64:
        return None
    return (x / ((-x).of(ops.Exp()) + 1)).value


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
