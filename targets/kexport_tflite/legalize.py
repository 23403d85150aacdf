"""Brings an optimized graph to ops, forms and element types that TF Lite has, and that XNNPACK takes as a whole."""

from __future__ import annotations

from kexport import ops
from kexport.errors import UnsupportedError
from kexport.ir.graph import Graph
from kexport.passes import layout
from kexport.passes.decompose import rules_for
from kexport.passes.fuse_activation import fuse_activation
from kexport.passes.narrow_integers import four_bits
from kexport.passes.pipeline import run_passes
from kexport.rewrite import RulePass
from kexport.rewrite.driver import Log
from kexport.target import text_items
from kexport_tflite.emit.activation import FUSED
from kexport_tflite.rules.arithmetic import ARITHMETIC_RULES
from kexport_tflite.rules.control import CONTROL_RULES, SIZE_RULES
from kexport_tflite.rules.conv import CONV_RULES
from kexport_tflite.rules.create import CREATE_RULES
from kexport_tflite.rules.index import INDEX_RULES
from kexport_tflite.rules.layout import LAYOUT_RULES
from kexport_tflite.rules.matmul import MATMUL_RULES
from kexport_tflite.rules.planar import add_height, drop_added_axis
from kexport_tflite.rules.pool import POOL_RULES
from kexport_tflite.rules.reduce import REDUCE_RULES
from kexport_tflite.rules.resize import RESIZE_RULES
from kexport_tflite.rules.transpose import crop_full, spread_kernel, to_sub_pixels
from kexport_tflite.rules.types import TYPE_RULES

LACKING = (
    ops.Reciprocal, ops.Expm1, ops.Log1p, ops.Tan, ops.Asin, ops.Acos, ops.Atan, ops.Sinh, ops.Cosh, ops.Asinh,
    ops.Acosh, ops.Atanh, ops.Erf, ops.IsNan, ops.IsInf, ops.IsFinite, ops.Selu, ops.Celu, ops.Softplus, ops.Softsign,
    ops.Silu, ops.HardSigmoid, ops.Mish, ops.Threshold, ops.LogicalXor, ops.BatchNorm, ops.LayerNorm, ops.RmsNorm,
    ops.GroupNorm, ops.HashNumber, ops.LogSoftmax, ops.CumProd, ops.Scan, ops.SimpleRnn, ops.Gru, ops.Lstm,
)  # fmt: skip
"""Ops that TF Lite has no operator for (or one that XNNPACK refuses), and that expand into others."""

DECOMPOSED = (*LACKING, ops.BitAnd, ops.BitOr, ops.BitNot, ops.ShiftLeft, ops.ScatterNd)
"""Every op that is emitted as others."""
_EXPAND = rules_for(*LACKING)
_CLEAN = (
    layout.to_the_same_shape, layout.slice_of_everything, layout.nothing_to_do, layout.only_the_last_shape_counts,
    layout.transpose_of_transpose, layout.tile_of_ones,
)  # fmt: skip
_FORMS = RulePass(
    "tflite_forms",
    (
        *TYPE_RULES, *ARITHMETIC_RULES, *CONTROL_RULES, *_EXPAND, add_height, drop_added_axis, spread_kernel,
        *CONV_RULES, to_sub_pixels, crop_full, *POOL_RULES, *MATMUL_RULES, *REDUCE_RULES, *INDEX_RULES, *RESIZE_RULES,
        *CREATE_RULES, *LAYOUT_RULES, *_CLEAN,
    ),
)  # fmt: skip
_SIZES = RulePass("tflite_sizes", SIZE_RULES)
_INTEGERS = RulePass("tflite_integers", (four_bits,))
_FUSE = fuse_activation([name for name in FUSED if name])


def legalize(graph: Graph, log: Log | None = None) -> None:
    """Edit `graph` in place.

    Raises:
        UnsupportedError: it works on text.
    """
    if items := text_items(graph):
        raise UnsupportedError(items)
    _FUSE.run(graph, log)
    _FORMS.run(graph, log)
    _FUSE.run(graph, log)
    _INTEGERS.run(graph, log)
    run_passes(graph, ("cse", "dead_code"), log)
    _SIZES.run(graph, log)
