"""Brings an optimized graph to the forms that the emitters know."""

from __future__ import annotations

from kexport import ops
from kexport.errors import Unsupported, UnsupportedError
from kexport.ir.graph import Graph
from kexport.ir.op import Op, having
from kexport.ir.types import DType
from kexport.passes import cse, layout
from kexport.passes.channels_first import channels_first, sink_through_batch_norm
from kexport.passes.decompose import DECOMPOSE, decompose
from kexport.passes.loop_layout import hold_channels_first
from kexport.passes.narrow_integers import four_bits
from kexport.passes.sink_transposes import SinkTransposes
from kexport.rewrite import Log, Rule, RulePass
from kexport.target import all_nodes
from kexport_onnx.options import OnnxOptions
from kexport_onnx.rules import matmul, norm, pool, recurrent, resize, types
from kexport_onnx.text import reason_against
from kexport_onnx.versions import FOUR_BITS

_STRANGERS = {DType.C64: "ONNX operators know no complex numbers"}
_WIDE_POOL = "ONNX pools no 64-bit integers"
_REFUSED: dict[tuple[type[Op], DType], str] = {
    (ops.MaxPool, DType.I64): _WIDE_POOL,
    (ops.MaxPool, DType.U64): _WIDE_POOL,
}

DECOMPOSED: tuple[type[Op], ...] = (
    ops.Atan2,
    ops.Expm1,
    ops.HashNumber,
    ops.IsFinite,
    ops.Log1p,
    ops.NotEqual,
    ops.Rsqrt,
    ops.Silu,
    ops.Square,
    ops.SquaredDifference,
)
"""Ops that ONNX lacks. Silu it has, as Swish, since opset 24; ONNX Runtime has no kernel, but fuses x * sigmoid(x)."""

CHANNELS_FIRST = having(lambda t: t.spatial)
"""Ops that ONNX has channels first."""

SINCE: dict[type[Op], int] = {ops.CumProd: 26}
"""The opset that brought the op; for older ones it is decomposed."""

_EXPAND: tuple[Rule, ...] = (
    *types.RULES,
    *decompose(*DECOMPOSED).rules,
    *norm.RULES,
    *pool.RULES,
    *resize.RULES,
    *recurrent.RULES,
)
_CHANNELS = (channels_first(*CHANNELS_FIRST), *matmul.RULES)
_BATCH_NORM = DECOMPOSE[ops.BatchNorm]
RULES: tuple[Rule, ...] = (
    *_EXPAND,
    types.weights_alone,
    *decompose(*SINCE).rules,
    *_CHANNELS,
    sink_through_batch_norm,
    hold_channels_first,
    _BATCH_NORM,
    four_bits,
)
"""What legalization runs for some options or other."""


def legalize(graph: Graph, options: OnnxOptions, log: Log | None = None) -> None:
    """Edit an optimized `graph` in place.

    Raises:
        UnsupportedError: element types that ONNX operators don't take, text that the chosen opset lacks.
    """
    newest = options.newest(graph)
    chosen = options.written_for(graph)
    refuse_strangers(graph, newest)
    expand = (*_EXPAND, *decompose(*(op for op, since in SINCE.items() if chosen < since)).rules)
    RulePass("onnx_decompose", (*expand, types.weights_alone)).run(graph, log)
    RulePass("onnx_channels", _CHANNELS).run(graph, log)
    SinkTransposes(sink_through_batch_norm, hold_channels_first).run(graph, log)
    RulePass("onnx_batch_norm", (_BATCH_NORM, *expand)).run(graph, log)
    layout.PASS.run(graph, log)
    if newest >= FOUR_BITS and options.has_four_bits:
        RulePass("onnx_integers", (four_bits,)).run(graph, log)
    cse.PASS.run(graph, log)


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
