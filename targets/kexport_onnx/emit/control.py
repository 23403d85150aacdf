"""Branches and loops. What a loop only reads is no input of its body: bodies see the values around them."""

from __future__ import annotations

from collections.abc import Sequence

from kexport import ops
from kexport.ir.graph import Graph, Node
from kexport.ir.types import DType, TensorType
from kexport_onnx.bodies import Scope, Subgraph, dtypes, result_types, written_out
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref


@EMIT.emits(ops.If)
def if_(e: Context, op: ops.If, node: Node) -> tuple[Ref, ...]:
    condition, *operands = e.refs(node)
    branches = {name: _branch(e, name, body, operands) for name, body in (("then", op.then), ("else", op.orelse))}
    return e.op_all(
        "If", condition, dtypes=dtypes(node.outputs), then_branch=branches["then"], else_branch=branches["else"]
    )


def _branch(e: Context, name: str, body: Graph, operands: Sequence[Ref]) -> Subgraph:
    scope = Scope(e, [])
    results = scope.emit(body, operands, EMIT)
    return scope.close(name, list(zip(results, result_types(body), strict=True)))


@EMIT.emits(ops.While)
def while_(e: Context, op: ops.While, node: Node) -> tuple[Ref, ...]:
    """The condition is computed before the loop, and again at the end of each step."""
    state = list(e.refs(node))
    moving = [k for k, (i, o) in enumerate(zip(op.body.inputs, op.body.outputs, strict=True)) if o.value is not i]
    if not moving:
        return tuple(state)
    (first,) = written_out(e, op.cond, state, EMIT)
    scope = Scope(e, [])
    scope.formal("step", TensorType(DType.I64, ()))
    scope.formal("more", TensorType(DType.BOOL, ()))
    old = list(state)
    for k in moving:
        old[k] = scope.formal(f"state_{k}", node.inputs[k].type)
    new = scope.emit(op.body, old, EMIT)
    (more,) = written_out(scope, op.cond, [new[k] if k in moving else state[k] for k in range(len(state))], EMIT)
    types = result_types(op.body)
    body = scope.close("body", [(more, TensorType(DType.BOOL, ())), *((new[k], types[k]) for k in moving)])
    kinds = dtypes(node.outputs[k] for k in moving)
    last = e.op_all("Loop", None, first, *(state[k] for k in moving), dtypes=kinds, body=body)
    for k, ref in zip(moving, last, strict=True):
        state[k] = ref
    return tuple(state)


@EMIT.emits(ops.Scan)
def scan(e: Context, op: ops.Scan, node: Node) -> tuple[Ref, ...]:
    state, sequences, others = op.parts(e.refs(node))
    scope = Scope(e, [])
    old, slices, _ = op.parts(op.body.inputs)
    inputs = [scope.formal(f"state_{k}", v.type) for k, v in enumerate(old)]
    inputs += [scope.formal(f"slice_{k}", v.type) for k, v in enumerate(slices)]
    results = scope.emit(op.body, [*inputs, *others], EMIT)
    stacked = len(results) - op.carried
    return e.op_all(
        "Scan",
        *state,
        *sequences,
        dtypes=dtypes(node.outputs),
        num_scan_inputs=op.sequences,
        body=scope.close("body", list(zip(results, result_types(op.body), strict=True))),
        scan_input_axes=_each(op.axis, op.sequences),
        scan_output_axes=_each(op.axis, stacked),
        scan_input_directions=_each(op.reverse, op.sequences),
        scan_output_directions=_each(op.reverse, stacked),
    )


def _each(value: int, count: int) -> list[int] | None:
    """One number for each sequence; None, the default, for zeros."""
    return [int(value)] * count if value and count else None
