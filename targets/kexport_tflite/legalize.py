"""Brings an optimized graph to ops, forms and element types that TF Lite has, and that XNNPACK takes as a whole."""

from __future__ import annotations

from kexport import ops
from kexport.errors import UnsupportedError
from kexport.ir.graph import Graph
from kexport.passes import layout as moves
from kexport.passes.decompose import rules_for
from kexport.passes.fuse_activation import fuse_activation
from kexport.passes.narrow_integers import four_bits
from kexport.passes.pipeline import run_passes
from kexport.rewrite import Log, Rule, RulePass
from kexport.target import text_items
from kexport_tflite.emit.activation import FUSED
from kexport_tflite.options import TfliteOptions
from kexport_tflite.rules import (
    arithmetic,
    control,
    conv,
    create,
    index,
    layout,
    matmul,
    planar,
    pool,
    quantized,
    reduce,
    resize,
    transpose,
    types,
)

DECOMPOSED = (
    ops.Reciprocal, ops.Expm1, ops.Log1p, ops.Tan, ops.Asin, ops.Acos, ops.Atan, ops.Sinh, ops.Cosh, ops.Asinh,
    ops.Acosh, ops.Atanh, ops.Erf, ops.IsNan, ops.IsInf, ops.IsFinite, ops.Selu, ops.Celu, ops.Softplus, ops.Softsign,
    ops.Silu, ops.HardSigmoid, ops.Mish, ops.Threshold, ops.LogicalXor, ops.BatchNorm, ops.LayerNorm, ops.RmsNorm,
    ops.GroupNorm, ops.HashNumber, ops.LogSoftmax, ops.CumProd, ops.Scan, ops.SimpleRnn, ops.Gru, ops.Lstm,
)  # fmt: skip
"""Ops that TF Lite has no operator for (or one that XNNPACK refuses), and that expand into others."""

_EXPAND = rules_for(*DECOMPOSED)
_CLEAN = (
    moves.to_the_same_shape,
    moves.slice_of_everything,
    moves.nothing_to_do,
    moves.only_the_last_shape_counts,
    moves.transpose_of_transpose,
    moves.tile_of_ones,
)
_FORMS: tuple[Rule, ...] = (
    *types.RULES, *arithmetic.RULES, *control.RULES, *_EXPAND, *planar.RULES, transpose.spread_kernel, *conv.RULES,
    *transpose.RULES, *pool.RULES, *matmul.RULES, *reduce.RULES, *index.RULES, *resize.RULES, *create.RULES,
    *layout.RULES, *quantized.RULES, *_CLEAN,
)  # fmt: skip
RULES: tuple[Rule, ...] = (*_FORMS, *control.SIZES, four_bits)
"""What legalization runs."""
_FUSE = fuse_activation([name for name in FUSED if name])


def legalize(graph: Graph, options: TfliteOptions, log: Log | None = None) -> None:
    """Edit `graph` in place.

    Raises:
        UnsupportedError: it works on text.
    """
    if items := text_items(graph):
        raise UnsupportedError(items)
    _FUSE.run(graph, log)
    RulePass("tflite_forms", _FORMS).run(graph, log)
    _FUSE.run(graph, log)
    RulePass("tflite_integers", (four_bits,)).run(graph, log)
    run_passes(graph, ("cse", "dead_code"), log)
    RulePass("tflite_sizes", control.SIZES).run(graph, log)
