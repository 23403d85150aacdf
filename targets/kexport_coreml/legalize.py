"""Brings an optimized graph to the forms that the emitters know."""

from __future__ import annotations

from collections.abc import Iterable

from kexport import ops
from kexport.errors import Unsupported, UnsupportedError
from kexport.ir.dim import Dim, symbols
from kexport.ir.graph import Graph
from kexport.ir.op import Op, having
from kexport.ir.types import DType
from kexport.passes import cse, fold_sizes, fuse_pad, prune_loops
from kexport.passes.channels_first import channels_first
from kexport.passes.decompose import DECOMPOSE, decompose
from kexport.passes.decompose.hashing import hash_narrow_number
from kexport.passes.layout import move_of_full, reshape_of_reduction
from kexport.passes.pipeline import OPTIMIZE, run_passes
from kexport.passes.sink_transposes import SETTLE, SinkTransposes
from kexport.rewrite import Log, Rule, RulePass
from kexport.target import all_nodes, text_items
from kexport_coreml.images import batch_of_images, read_images, take_images
from kexport_coreml.options import MIN_IOS, CoremlOptions
from kexport_coreml.rules import control, index, layout, norm, rank, recurrent, resize, window
from kexport_coreml.spans import read_sizes

DECOMPOSED: tuple[type[Op], ...] = (
    ops.Acosh, ops.Asinh, ops.Atan2, ops.Celu, ops.CumProd, ops.Dequantize, ops.Expm1, ops.Gru, ops.HardSilu,
    ops.HashNumber, ops.Log1p, ops.LogSoftmax, ops.Mish, ops.OneHot, ops.Prelu, ops.Quantize, ops.RmsNorm, ops.Scan,
    ops.Selu, ops.SquaredDifference, ops.Threshold,
)  # fmt: skip
"""Ops that Core ML lacks, or has with another meaning: its thresholded_relu is >=, its one_hot wants indices in range,
its prelu wants an alpha for each channel, and of its gru rules.recurrent speaks."""

CHANNELS_FIRST = having(lambda t: t.spatial)
"""Ops that Core ML has channels first."""

_STRANGERS = {
    DType.C64: "Core ML knows no complex numbers",
    DType.U32: "the widest integers of Core ML are int32",
    DType.U64: "the widest integers of Core ML are int32",
}


_EXPAND = decompose(*DECOMPOSED).rules
_CHANNELS = channels_first(*CHANNELS_FIRST)
_RECURRENT: tuple[Rule, ...] = (*recurrent.RULES, DECOMPOSE[ops.Gru])
_NUMBERS: tuple[Rule, ...] = (hash_narrow_number, DECOMPOSE[ops.FloorDiv])
_FORMS: tuple[Rule, ...] = (*window.RULES, *layout.RULES, index.top_of_open_number)
_MOVES: tuple[Rule, ...] = (reshape_of_reduction, move_of_full, *layout.RULES, *rank.RULES, *SETTLE)
_BATCH_NORM = DECOMPOSE[ops.BatchNorm]
RULES: tuple[Rule, ...] = (
    *_RECURRENT,
    *control.SCANS,
    *control.RULES,
    *_NUMBERS,
    *_EXPAND,
    resize.resize_of_open_size(MIN_IOS),
    *_FORMS,
    *index.RULES,
    *norm.RULES,
    _CHANNELS,
    *_MOVES,
    _BATCH_NORM,
)
"""What legalization runs for some options or other."""


def legalize(graph: Graph, options: CoremlOptions, log: Log | None = None) -> None:
    """Edit `graph` in place.

    Raises:
        UnsupportedError: element types or ranks that Core ML doesn't have; names the nodes.
        ConfigError: options that don't fit the inputs.
    """
    fix_inputs(graph, options, log)
    refuse_strangers(graph)
    expand_loops(graph, log)
    batches = index.RULES if options.ios < 16 else ()
    forms = (resize.resize_of_open_size(options.ios), *_FORMS, *batches, *rank.RULES, norm.other_layer_norm)
    fuse_pad.PASS.run(graph, log)
    RulePass("coreml_forms", (*_NUMBERS, *_EXPAND, *forms)).run(graph, log)
    RulePass("coreml_channels", (_CHANNELS,)).run(graph, log)
    cse.PASS.run(graph, log)
    SinkTransposes(norm.constant_batch_norm).run(graph, log)
    RulePass("coreml_rest", (_BATCH_NORM, *_MOVES, *_EXPAND)).run(graph, log)
    refuse_ranks(graph)


def expand_loops(graph: Graph, log: Log | None = None) -> None:
    """Recurrent layers that Core ML lacks become scans, and scans loops; what that lays bare is optimized."""
    if RulePass("coreml_recurrent", _RECURRENT).run(graph, log):
        prune_loops.PASS.run(graph, log)
    if RulePass("coreml_scans", control.SCANS).run(graph, log):
        run_passes(graph, OPTIMIZE, log)
    RulePass("coreml_blocks", control.RULES).run(graph, log)


def fix_inputs(graph: Graph, options: CoremlOptions, log: Log | None = None) -> None:
    """Give dims that the options fix their size, and let inputs take images."""
    plan = read_sizes(options.sizes, options.limit)
    images = read_images(options.images, options.scale, options.bias)
    plan.check(s for v in graph.inputs for d in v.type.shape for s in symbols(d))
    _bind(graph, plan.fixed(), log)
    _bind(graph, batch_of_images(graph, images), log)
    take_images(graph, images)


def _bind(graph: Graph, fixed: dict[str, Dim], log: Log | None) -> None:
    if fixed:
        graph.become(graph.bind(fixed))
        fold_sizes.PASS.run(graph, log)


def refuse_strangers(graph: Graph) -> None:
    """Raise one error for all nodes with an element type that Core ML can't compute with."""
    strange = (
        Unsupported(node.origin, node.op.name, _STRANGERS[value.type.dtype])
        for node in all_nodes(graph)
        for value in (*node.inputs, *node.outputs)
        if value.type.dtype in _STRANGERS
    )
    pools = (
        Unsupported(node.origin, node.op.name, "Core ML pools floats only, and float32 does not hold every int32")
        for node in all_nodes(graph)
        if isinstance(node.op, ops.MaxPool) and node.output.type.dtype in (DType.I32, DType.I64)
    )
    _refuse([*text_items(graph), *strange, *pools])


def refuse_ranks(graph: Graph) -> None:
    """Raise one error for all inputs and nodes whose results have too many axes, or no elements."""
    made = [(node.origin, node.op.name, value) for node in all_nodes(graph) for value in node.outputs]
    values = [*((v.name, "input", v) for v in graph.inputs), *made]
    _refuse(Unsupported(o, k, why) for o, k, v in values if (why := _shape_problem(v.type.shape)))


def _shape_problem(shape: tuple[object, ...]) -> str:
    if len(shape) > layout.MAX_RANK:
        return f"Core ML has tensors of up to {layout.MAX_RANK} axes, this one would have {len(shape)}"
    return "Core ML has no tensors without elements" if 0 in shape else ""


def _refuse(items: Iterable[Unsupported]) -> None:
    found = list(dict.fromkeys(items))
    if found:
        raise UnsupportedError(found)
