"""Branches and loops. Bodies become functions, in the stateless forms that both engines run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kexport import ops
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph, Node
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Call, Function, NodeDef, Ref
from kexport_shared.graphdef.table import COMMON


@COMMON.emits(ops.If)
def branch(e: Context, op: ops.If, node: Node) -> tuple[Ref, ...]:
    condition, *operands = e.refs(node)
    then = e.inner(op.then)
    orelse = e.inner(op.orelse)
    sizes = _borrowed(then, orelse)
    operands += _sizes(e, sizes)
    calls: dict[str, Any] = {"then_branch": _function(e, then, sizes), "else_branch": _function(e, orelse, sizes)}
    types = [e.dialect.stored(v.type.dtype) for v in node.outputs]
    return e.op_all(
        "StatelessIf",
        condition,
        *operands,
        dtypes=types,
        Tcond=condition.dtype,
        Tin=[o.dtype for o in operands],
        Tout=types,
        _lower_using_switch_merge=True,
        **calls,
    )


@COMMON.emits(ops.While)
def loop(e: Context, op: ops.While, node: Node) -> tuple[Ref, ...]:
    """Borrowed sizes are state that never changes."""
    cond = e.inner(op.cond)
    body = e.inner(op.body)
    sizes = _borrowed(cond, body)
    state = [*e.refs(node), *_sizes(e, sizes)]
    calls: dict[str, Any] = {"cond": _function(e, cond, sizes), "body": _function(e, body, sizes, returned=True)}
    types = [s.dtype for s in state]
    made = e.op_all("StatelessWhile", *state, dtypes=types, T=types, _lower_using_switch_merge=True, **calls)
    return made[: len(node.outputs)]


def _function(e: Context, inner: Context, sizes: Sequence[str], returned: bool = False) -> Call:
    """Make a function of what was emitted; its last arguments, and results if `returned`, are sizes."""
    name = e.unique(f"{e.origin or 'model'}/{inner.graph.name}")
    own = inner.arguments[: len(inner.graph.inputs)]
    lent = [inner.borrow(s) for s in sizes]
    outputs = [*_results(inner, inner.graph), *(lent if returned else ())]
    e.shared.functions.append(Function(name, [*own, *lent], outputs, inner.nodes, list(inner.consts.values())))
    return Call(name)


def _results(inner: Context, graph: Graph) -> list[Ref]:
    """What a function returns.

    TensorFlow.js returns the same result for all results of one node, and disposes of a constant that a loop returned
    as a state: these get an Identity.
    """
    found: list[Ref] = []
    for output in graph.outputs:
        ref = inner.ref(output.value)
        if ":" in ref.name or ref.name in inner.consts:
            kept = NodeDef("Identity", inner.unique(f"{inner.origin or 'model'}/result"), [ref.name], {"T": ref.dtype})
            inner.nodes.append(kept)
            ref = Ref(kept.name, ref.dtype)
        found.append(ref)
    return found


def _borrowed(*bodies: Context) -> list[str]:
    return list(dict.fromkeys(size for body in bodies for size in body.borrowed))


def _sizes(e: Context, names: Sequence[str]) -> list[Ref]:
    return [e.sizes.dim(symbol(name)) for name in names]
