"""Removes what no output needs; the inputs of the graph stay."""

from __future__ import annotations

from kexport import ops
from kexport.ir.dim import Dim
from kexport.ir.graph import Graph, Node, Value
from kexport.rewrite import Log, Rewriter, apply_rules, rule
from kexport.rewrite.driver import erase_dead


class DeadCode:
    """The pass."""

    name = "dead_code"

    def run(self, graph: Graph, log: Log | None = None) -> bool:
        """Erase unused nodes from the last to the first, in bodies too."""
        changed = erase_dead(graph, reversed(list(graph.nodes)))
        for node in graph.nodes:
            for body in node.bodies:
                changed |= self.run(body, log)
        return apply_rules(graph, (slice_of_split,), log) or changed


@rule(ops.Split)
def slice_of_split(op: ops.Split, node: Node, rewriter: Rewriter) -> tuple[Value, ...] | None:
    """Replace a split with one used piece by a slice."""
    used = [i for i, v in enumerate(node.outputs) if rewriter.graph.is_used(v)]
    if len(used) != 1 or len(node.outputs) == 1:
        return None
    x = node.inputs[0]
    axis = op.axis % node.inputs[0].type.rank
    low: Dim = sum(op.sizes[: used[0]])
    begin = tuple(low if i == axis else 0 for i in range(x.type.rank))
    end = tuple(low + op.sizes[used[0]] if i == axis else d for i, d in enumerate(x.type.shape))
    piece = rewriter.add(ops.Slice(begin, end, (1,) * x.type.rank), x)
    return tuple(piece if i == used[0] else v for i, v in enumerate(node.outputs))


PASS = DeadCode()
