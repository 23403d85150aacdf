"""Brings an optimized graph to the forms that the emitters know."""

from __future__ import annotations

from collections.abc import Iterable

from kexport import ops
from kexport.errors import Unsupported, UnsupportedError
from kexport.ir.dim import Dim, symbols
from kexport.ir.graph import Graph
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.passes import cse, fold_sizes, fuse_pad, prune_loops
from kexport.passes.channels_first import channels_first
from kexport.passes.decompose import DECOMPOSE, decompose
from kexport.passes.decompose.hashing import hash_narrow_number
from kexport.passes.layout import move_of_full, reshape_of_reduction
from kexport.passes.pipeline import OPTIMIZE, run_passes
from kexport.passes.sink_transposes import SETTLE, SinkTransposes
from kexport.rewrite import RulePass
from kexport.target import all_nodes, text_items
from kexport_coreml.images import batch_of_images, read_images, take_images
from kexport_coreml.options import CoremlOptions
from kexport_coreml.rules import control, index, layout, norm, rank, recurrent, resize, window
from kexport_coreml.sizes import read_sizes

DECOMPOSED: tuple[type[Op], ...] = (
    ops.Acosh, ops.Asinh, ops.Atan2, ops.Celu, ops.CumProd, ops.Expm1, ops.Gru, ops.HardSilu, ops.HashNumber, ops.Log1p,
    ops.LogSoftmax, ops.Mish, ops.OneHot, ops.Prelu, ops.RmsNorm, ops.Scan, ops.Selu, ops.SquaredDifference,
    ops.Threshold,
)  # fmt: skip
"""Ops that Core ML lacks, or has with another meaning: its thresholded_relu is >=, its one_hot wants indices in range,
its prelu wants an alpha for each channel, and of its gru rules.recurrent speaks."""

CHANNELS_FIRST: tuple[type[Op], ...] = (
    ops.Conv, ops.DepthwiseConv, ops.ConvTranspose, ops.MaxPool, ops.AvgPool, ops.GroupNorm, ops.Resize,
    ops.DepthToSpace, ops.SpaceToDepth,
)  # fmt: skip
"""Ops that Core ML has channels first."""

_STRANGERS = {
    DType.C64: "Core ML knows no complex numbers",
    DType.U32: "the widest integers of Core ML are int32",
    DType.U64: "the widest integers of Core ML are int32",
}


def legalize(graph: Graph, options: CoremlOptions) -> None:
    """Edit `graph` in place.

    Raises:
        UnsupportedError: element types or ranks that Core ML doesn't have; names the nodes.
        ConfigError: options that don't fit the inputs.
    """
    fix_inputs(graph, options)
    refuse_strangers(graph)
    expand_loops(graph)
    expand = decompose(*DECOMPOSED)
    batches = index.RULES if options.ios < 16 else ()
    resizing = resize.resize_of_open_size(options.ios)
    forms = (resizing, *window.RULES, *layout.RULES, index.top_of_open_number, *batches, *rank.RULES)
    forms = (*forms, norm.other_layer_norm)
    fuse_pad.PASS.run(graph)
    RulePass("coreml_forms", (hash_narrow_number, DECOMPOSE[ops.FloorDiv], *expand.rules, *forms)).run(graph)
    RulePass("coreml_channels", (channels_first(*CHANNELS_FIRST),)).run(graph)
    cse.PASS.run(graph)
    SinkTransposes(norm.constant_batch_norm).run(graph)
    moves = (reshape_of_reduction, move_of_full, *layout.RULES, *rank.RULES, *SETTLE)
    RulePass("coreml_rest", (DECOMPOSE[ops.BatchNorm], *moves, *expand.rules)).run(graph)
    refuse_ranks(graph)


def expand_loops(graph: Graph) -> None:
    """Recurrent layers that Core ML lacks become scans, and scans loops; what that lays bare is optimized."""
    if RulePass("coreml_recurrent", (*recurrent.RULES, DECOMPOSE[ops.Gru])).run(graph):
        prune_loops.PASS.run(graph)
    if RulePass("coreml_scans", control.SCANS).run(graph):
        run_passes(graph, OPTIMIZE)
    RulePass("coreml_blocks", control.RULES).run(graph)


def fix_inputs(graph: Graph, options: CoremlOptions) -> None:
    """Give dims that the options fix their size, and let inputs take images."""
    plan = read_sizes(options.sizes, options.limit)
    images = read_images(options.images, options.scale, options.bias)
    plan.check(s for v in graph.inputs for d in v.type.shape for s in symbols(d))
    _bind(graph, plan.fixed())
    _bind(graph, batch_of_images(graph, images))
    take_images(graph, images)


def _bind(graph: Graph, fixed: dict[str, Dim]) -> None:
    if fixed:
        graph.become(graph.bind(fixed))
        fold_sizes.PASS.run(graph)


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
