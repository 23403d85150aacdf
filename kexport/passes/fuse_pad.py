"""Merges pads into the padding of the following convolution or pool, and brings padding to its plainest form.

A zero pad before a max pool may be merged only where no element is negative: the pool's own padding never wins,
a zero does. An average pool doesn't count its padding, so it takes in no pad.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport.ops import check
from kexport.ops.pool import Pool
from kexport.ops.window import Ints, Pairs, explicit_pads
from kexport.rewrite import Rewriter, RulePass, Skip, rule
from kexport.rewrite.bounds import nonnegative
from kexport.rewrite.match import made_by
from kexport.rewrite.rule import Replacement


@rule(ops.Conv, ops.DepthwiseConv)
def pad_into_conv(op: ops.Conv | ops.DepthwiseConv, node: Node, rewriter: Rewriter) -> Replacement:
    """Merge zeros around the image into the padding of a convolution."""
    pad = made_by(node.inputs[0], ops.Pad)
    if pad is None:
        return None
    return _merge(node, rewriter, pad) if _mode(pad) == 0 else Skip("the pad is not by zeros")


@rule(ops.MaxPool)
def pad_into_max_pool(op: ops.MaxPool, node: Node, rewriter: Rewriter) -> Replacement:
    """Merge a pad by the least value, or by zeros if no element is negative."""
    pad = made_by(node.inputs[0], ops.Pad)
    if pad is None:
        return None
    value = _mode(pad)
    never_wins = value is not None and value <= _least(node.output.type.dtype)
    if not never_wins and not (value == 0 and nonnegative(pad.inputs[0])):
        return Skip("the value of the pad could be the greatest")
    pads: Any = pad.op.attributes()["pads"][1:-1]
    total = _sum(pads, _pads(node, op.window, (1,) * len(op.window)))
    if any(isinstance(p, SymDim) or p >= w for pair, w in zip(total, op.window, strict=True) for p in pair):
        return Skip("a window could lie in the padding alone")
    return _merge(node, rewriter, pad)


@rule(ops.Conv, ops.DepthwiseConv, ops.MaxPool, ops.AvgPool)
def plain_padding(
    op: ops.Conv | ops.DepthwiseConv | ops.MaxPool | ops.AvgPool, node: Node, rewriter: Rewriter
) -> Replacement:
    """Write explicit padding by nothing as `valid`, and that of `same` at a fixed size as `same`."""
    if isinstance(op.padding, str):
        return None
    if not any(isinstance(p, SymDim) or p for pair in op.padding for p in pair):
        return rewriter.add(replace(op, padding="valid"), *node.inputs)
    same = replace(op, padding="same")
    pads = _pads(rewriter.node, _window(node), getattr(op, "dilation", (1,) * len(op.strides)), "same")
    fixed = not any(isinstance(d, SymDim) for d in node.inputs[0].type.shape[1:-1])
    return rewriter.add(same, *node.inputs) if fixed and pads == op.padding else None


def _merge(node: Node, rewriter: Rewriter, pad: Node) -> Replacement:
    op: Any = node.op
    pads: Any = pad.op.attributes()["pads"]
    if any(p != 0 for pair in (pads[0], pads[-1]) for p in pair):
        return Skip("the pad is not of spatial axes alone")
    own = _pads(node, _window(node), getattr(op, "dilation", (1,) * len(op.strides)))
    if op.padding == "same" and any(isinstance(p, SymDim) for pair in own for p in pair):
        return Skip("`same` depends on the padded size")
    if any(isinstance(p, SymDim) for pair in pads for p in pair):
        return Skip("how much is padded depends on the size of the input")
    return rewriter.add(replace(op, padding=_sum(pads[1:-1], own)), pad.inputs[0], *node.inputs[1:])


def _mode(pad: Node) -> float | None:
    """Return the constant of a pad; None for other modes."""
    op: Any = pad.op
    return op.value if op.mode == "constant" else None


def _least(dtype: DType) -> float:
    """Return the least finite number of an element type."""
    import ml_dtypes

    limits = cast(Any, ml_dtypes).finfo if dtype.is_float else np.iinfo
    return float(limits(dtype.numpy).min)


def _window(node: Node) -> Ints:
    op: Any = node.op
    if isinstance(op, Pool):
        return op.window
    return tuple(check.static(d, "the kernel") for d in node.inputs[1].type.shape[:-2])


def _pads(node: Node, window: Ints, dilation: Ints, padding: str | None = None) -> Pairs:
    op: Any = node.op
    return explicit_pads(node.inputs[0].type.shape[1:-1], window, op.strides, dilation, padding or op.padding)


def _sum(a: Pairs, b: Pairs) -> Pairs:
    return tuple((low + more, high + extra) for (low, high), (more, extra) in zip(a, b, strict=True))


PASS = RulePass("fuse_pad", (pad_into_conv, pad_into_max_pool, plain_padding))
