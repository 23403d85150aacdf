"""Applies rules until none fires, and logs what fired and why others skipped."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kexport.errors import GraphError
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Op
from kexport.rewrite.log import Log
from kexport.rewrite.rule import Rewriter, Rule, Skip


class Pass(Protocol):
    """A transformation that edits a graph in place; True if it changed anything."""

    name: str

    def run(self, graph: Graph, log: Log | None = None) -> bool:
        """Edit `graph`."""
        ...


@dataclass(frozen=True)
class RulePass:
    """A pass made of rules; bodies of loops and branches are rewritten too."""

    name: str
    rules: tuple[Rule, ...]

    def run(self, graph: Graph, log: Log | None = None) -> bool:
        own = Log()
        changed = apply_rules(graph, self.rules, own)
        own.publish(self.name)
        if log is not None:
            log.add(own)
        return changed


_MAX_FIRES_PER_NODE = 64


def apply_rules(graph: Graph, rules: Sequence[Rule], log: Log | None = None) -> bool:
    """Apply rules to a fixed point; True if any fired.

    Raises:
        GraphError: the rules reach no fixed point, or one returns a value of another type.
    """
    log = Log() if log is None else log
    changed = False
    table = _Table(rules)
    work = deque(graph.nodes)
    budget = _MAX_FIRES_PER_NODE * (len(work) + 1)
    queued = set(work)
    while work:
        node = work.popleft()
        queued.discard(node)
        for body in node.bodies:
            changed |= apply_rules(body, rules, log)
        touched = _apply_first(graph, node, table[type(node.op)], log)
        if touched is None:
            continue
        changed = True
        budget = budget - 1
        if budget < 0:
            raise GraphError(f"rules do not come to rest: {dict(log.fired.most_common(3))}", where=node.origin)
        for other in touched:
            if other.graph is graph and other not in queued:
                queued.add(other)
                work.append(other)
    return changed


class _Table(dict[type[Op], list[Rule]]):
    """Return the rules that look at an op, by its class."""

    def __init__(self, rules: Sequence[Rule]):
        super().__init__()
        self.rules = rules

    def __missing__(self, op: type[Op]) -> list[Rule]:
        self[op] = [r for r in self.rules if not r.ops or issubclass(op, r.ops)]
        return self[op]


def _apply_first(graph: Graph, node: Node, rules: Sequence[Rule], log: Log) -> list[Node] | None:
    """Fire the first rule that matches; return the nodes to revisit, or None."""
    if node.graph is not graph:
        return None
    for rule in rules:
        rewriter = Rewriter(graph, node)
        result = rule.apply(node, rewriter)
        if result is None or isinstance(result, Skip):
            if rewriter.made:
                erase_dead(graph, rewriter.made)
            if result is not None:
                log.skipped[rule.name, node.origin, result.reason] += 1
            continue
        values = result if isinstance(result, tuple) else (result,)
        touched = [*rewriter.made, *(u for v in node.outputs for u in v.users)]
        touched += [v.producer for v in node.inputs if v.producer]
        _replace(graph, node, values, rule)
        freed: list[Value] = []
        erase_dead(graph, [node, *rewriter.made], freed)
        log.fired[rule.name] += 1
        return touched + [u for v in freed if len(v.uses) == 1 for u in v.users]
    return None


def _replace(graph: Graph, node: Node, values: tuple[Value, ...], rule: Rule) -> None:
    if len(values) != len(node.outputs):
        what = f"rule {rule.name}: {len(values)} values cannot replace the {len(node.outputs)} of {node.op.name}"
        raise GraphError(what, where=node.origin or None)
    try:
        for old, new in zip(node.outputs, values, strict=True):
            graph.replace(old, new)
            new.name = new.name or old.name
    except GraphError as e:
        e.what = f"rule {rule.name}: {e.what}"
        raise


def erase_dead(graph: Graph, nodes: Iterable[Node], freed: list[Value] | None = None) -> bool:
    """Erase the unused of `nodes`, and then what only they used; True if any was erased.

    `freed` collects the values that lost a use.
    """
    work = list(nodes)
    erased = False
    while work:
        node = work.pop()
        if node.graph is graph and not any(graph.is_used(v) for v in node.outputs):
            graph.erase(node)
            erased = True
            if freed is not None:
                freed += node.inputs
            work.extend(v.producer for v in node.inputs if v.producer)
    return erased
