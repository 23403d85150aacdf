"""Loops and branches: blocks see what is around them, so nothing fixed need be handed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kexport import ops
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.types import DType
from kexport.passes.decompose import DECOMPOSE
from kexport.passes.decompose.control import unroll_scans
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.body import Body, inline
from kexport.rewrite.rule import Replacement

LONGEST = 16
"""Scans of up to so many steps are written out: loops run on the CPU alone."""


@rule(ops.While)
def fixed_state(op: ops.While, node: Node, rewriter: Rewriter) -> Replacement:
    """State that begins as a constant and never changes is a constant of the bodies."""
    same = [i is o.value for i, o in zip(op.body.inputs, op.body.outputs, strict=True)]
    fixed = [k for k, v in enumerate(node.inputs) if v.is_constant and same[k]]
    kept = [k for k in range(len(node.inputs)) if k not in fixed]
    if not fixed or not kept:
        return None
    cond, body = (_with_constants(b, node, fixed) for b in (op.cond, op.body))
    body.keep_outputs([op.body.outputs[k].name for k in kept])
    made = rewriter.add_all(ops.While(cond, body), *(node.inputs[k] for k in kept))
    results = dict(zip(kept, made, strict=True))
    return tuple(results.get(k, v) for k, v in enumerate(node.inputs))


@rule(ops.If)
def fixed_operands(op: ops.If, node: Node, rewriter: Rewriter) -> Replacement:
    """Constant operands are constants of the branches."""
    condition, *operands = node.inputs
    fixed = [k for k, v in enumerate(operands) if v.is_constant]
    if not fixed:
        return None
    then, orelse = (_with_constants(b, node, fixed, 1) for b in (op.then, op.orelse))
    kept = [v for v in operands if not v.is_constant]
    return rewriter.add_all(ops.If(then, orelse), condition, *kept)


def _with_constants(body: Graph, node: Node, fixed: Sequence[int], first: int = 0) -> Graph:
    """A copy of a body that has these of its inputs as constants."""
    copy = body.copy()
    for k in fixed:
        value = node.inputs[first + k]
        copy.replace(copy.inputs[k], copy.constant(value.data, value.name))
    copy.inputs = [v for k, v in enumerate(copy.inputs) if k not in fixed]
    return copy


@rule(ops.Scan)
def flags_as_numbers(op: ops.Scan, node: Node, rewriter: Rewriter) -> Replacement:
    """Booleans are not gathered or scattered: sequences of them become numbers once, and not in each step."""
    read = {k for k in range(op.carried, op.carried + op.sequences) if node.inputs[k].type.dtype is DType.BOOL}
    made = {k for k in range(op.carried, len(node.outputs)) if node.outputs[k].type.dtype is DType.BOOL}
    if not read | made:
        return None
    body = Body("step", node.origin)
    inputs = [
        body.input(v.name, v.type.with_dtype(DType.I32) if k in read else v.type) for k, v in enumerate(op.body.inputs)
    ]
    results = inline(body, op.body, _cast(body, inputs, read, DType.BOOL))
    names = [o.name for o in op.body.outputs]
    scan = replace(op, body=body.finish(dict(zip(names, _cast(body, results, made, DType.I32), strict=True))))
    outputs = rewriter.add_all(scan, *_cast(rewriter, node.inputs, read, DType.I32))
    return tuple(_cast(rewriter, outputs, made, DType.BOOL))


def _cast(rewriter: Rewriter, values: Sequence[Value], which: set[int], dtype: DType) -> list[Value]:
    return [rewriter.add(ops.Cast(dtype), v) if k in which else v for k, v in enumerate(values)]


SCANS = (unroll_scans(LONGEST), flags_as_numbers, DECOMPOSE[ops.Scan])
"""Scans step by step."""
RULES = (fixed_state, fixed_operands)
