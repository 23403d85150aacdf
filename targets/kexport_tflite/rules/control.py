"""Scans and loops: written out where they are short, in blocks where they are long, and nothing copied for nothing."""

from __future__ import annotations

import math

from kexport import ops
from kexport.ir.dim import symbol, times
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.types import DType
from kexport.passes import prune_loops
from kexport.passes.decompose.control import unroll_scans
from kexport.rewrite import Rewriter, Skip, rule
from kexport.rewrite.rule import Replacement
from kexport_tflite.rules.blocks import STEPS, scan_in_blocks

_UNROLLED = 16
_UNROLLED_WEIGHTS = 2 << 20
"""XNNPACK packs the weights of every step that is written out: beyond these bytes a loop loads and runs faster."""
_UNROLLED_NODES = 512
_LONG = 1 << 13
"""Elements of a sequence of results from which blocks are faster. All of these are measured on LiteRT 2.3."""
_UNROLL = unroll_scans(_UNROLLED)


@rule(ops.Scan)
def write_out(op: ops.Scan, node: Node, rewriter: Rewriter) -> Replacement:
    """A few steps with small weights need no loop."""
    length = op.length(*(v.type for v in node.inputs))
    if not isinstance(length, int) or not 0 < length <= _UNROLLED:
        return Skip(f"{length} steps, {_UNROLLED} would be written out")
    weights = sum(v.data.nbytes for v in op.body.constants if v.data is not None)
    size = sum(1 for _ in op.body.nodes)
    if length > 1 and (length * weights > _UNROLLED_WEIGHTS or length * size > _UNROLLED_NODES):
        return Skip(f"{length} steps of {size} nodes and {weights} bytes of weights are faster as a loop")
    return _UNROLL.apply(node, rewriter)


@rule(ops.Scan)
def loop_over_blocks(op: ops.Scan, node: Node, rewriter: Rewriter) -> Replacement:
    """Results that are long, or may be."""
    length = op.length(*(v.type for v in node.inputs))
    rows = [o.value.type.shape for o in op.body.outputs][op.carried :]
    width = sum(math.prod(d for d in row if isinstance(d, int)) for row in rows)
    if not rows or (isinstance(length, int) and (length <= 2 * STEPS or length * width < _LONG)):
        return Skip(f"{length} rows of {width} elements are fast to copy")
    return scan_in_blocks(node, rewriter)


@rule(ops.While)
def read_before(op: ops.While, node: Node, rewriter: Rewriter) -> Replacement:
    """State that the body hands on as it is, is read off the operand: WHILE then shares its memory with the body."""
    same = [o.value is v for o, v in zip(op.body.outputs, op.body.inputs, strict=True)]
    if not any(s and rewriter.graph.is_used(v) for s, v in zip(same, node.outputs, strict=True)):
        return None
    return tuple(old if s else new for s, old, new in zip(same, node.inputs, node.outputs, strict=True))


@rule(ops.While)
def size_for_loop(op: ops.While, node: Node, rewriter: Rewriter) -> Replacement:
    """A symbolic size that no state has comes in as one more state of this size."""
    missing = _missing(op.cond) | _missing(op.body)
    if not missing:
        return None
    cond = op.cond.copy()
    body = op.body.copy()
    sizes = [_sized(rewriter, name) for name in sorted(missing)]
    for size in sizes:
        cond.input(size.name, size.type)
        body.output(size.name, body.input(size.name, size.type))
    return rewriter.add_all(ops.While(cond, body), *node.inputs, *sizes)[: len(node.outputs)]


@rule(ops.If)
def size_for_branch(op: ops.If, node: Node, rewriter: Rewriter) -> Replacement:
    """A symbolic size that no operand has comes in as one more operand of this size."""
    missing = _missing(op.then) | _missing(op.orelse)
    if not missing:
        return None
    then = op.then.copy()
    orelse = op.orelse.copy()
    sizes = [_sized(rewriter, name) for name in sorted(missing)]
    for branch in (then, orelse):
        for size in sizes:
            branch.input(size.name, size.type)
    return rewriter.add_all(ops.If(then, orelse), *node.inputs, *sizes)


def _missing(body: Graph) -> set[str]:
    """The symbols that a body computes with, and that it cannot read off one of its inputs."""
    return body.symbols() - {found[0] for v in body.inputs for d in v.type.shape if (found := times(d))}


def _sized(rewriter: Rewriter, name: str) -> Value:
    """A vector whose size is a symbol."""
    value = rewriter.add(ops.Full((symbol(name),), 0, DType.BOOL))
    value.name = f"{name}_size"
    return value


RULES = (*prune_loops.PASS.rules, write_out, loop_over_blocks, read_before)
"""In this order: what nobody reads is gone before a scan is written out or becomes a loop."""

SIZES = (size_for_loop, size_for_branch)
"""At the very end, when no pass takes state away that nobody reads."""
