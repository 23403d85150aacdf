"""A rule: a function on a node that returns what replaces it, None, or Skip("why not")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Op


@dataclass(frozen=True)
class Skip:
    """A rule matched a node but left it unchanged; the log gives the reason at -vv."""

    reason: str


Replacement = Value | tuple[Value, ...] | Skip | None
RuleFunction = Callable[[Any, Node, "Rewriter"], Replacement]
OpT = TypeVar("OpT", bound=Op)


@dataclass(frozen=True)
class Rule:
    """A named rule and the ops it looks at; the function gets the op of the node, of one of these classes, first."""

    name: str
    ops: tuple[type[Op], ...]
    function: RuleFunction

    def apply(self, node: Node, rewriter: Rewriter) -> Replacement:
        """Return what the rule makes of a node whose op it looks at."""
        return self.function(node.op, node, rewriter)


def rule(*ops: type[OpT]) -> Callable[[Callable[[OpT, Node, Rewriter], Replacement]], Rule]:
    """Decorator: make a Rule of a function that looks at nodes of these ops (of any op if none is named)."""

    def make(function: Callable[[OpT, Node, Rewriter], Replacement]) -> Rule:
        return Rule(function.__name__, ops, function)

    return make


class Rewriter:
    """The only way in which a rule edits: new nodes go right before `node` and carry its layer path."""

    def __init__(self, graph: Graph, node: Node):
        self.graph = graph
        self.node = node
        self.made: list[Node] = []

    def add(self, op: Op, *operands: Value, origin: str | None = None) -> Value:
        """Insert a node with one result and return the result."""
        return self.add_all(op, *operands, origin=origin)[0]

    def add_all(self, op: Op, *operands: Value, origin: str | None = None) -> tuple[Value, ...]:
        """Insert a node and return all its results."""
        origin = self.node.origin if origin is None else origin
        node = self.graph.add(op, *operands, origin=origin, before=self.node)
        self.made.append(node)
        return node.outputs

    def constant(self, data: Any, name: str = "") -> Value:
        """Add a constant."""
        return self.graph.constant(data, name)

    def only_use(self, value: Value) -> bool:
        """Return whether this node alone reads `value`, once, so that its producer may be absorbed."""
        return len(value.uses) == 1 and not self.graph.is_output(value)
