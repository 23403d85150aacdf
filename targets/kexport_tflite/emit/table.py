"""The table of emitters, which the files of this package fill; it also knows what single nodes ask too much."""

from __future__ import annotations

from kexport.errors import Unsupported, UnsupportedError
from kexport.ir.graph import Graph, Node
from kexport.ops.text import ABOUT_TEXT
from kexport.target import NO_TEXT, EmitterTable, all_nodes
from kexport_tflite.context import Context
from kexport_tflite.limits import reason_against


class TfliteEmitters(EmitterTable):
    """Emitters by op. Operators write into the tensors of their results, so nothing is returned."""

    def emit(self, context: Context, node: Node) -> None:
        """Also note that what the node computes is there by now."""
        if context.integers.idle(node):
            return
        super().emit(context, node)
        context.finish([v for v in node.outputs if not context.is_constant(v)])

    def check(self, graph: Graph) -> None:
        """Also refuse nodes whose operator lacks this element type, rank or form."""
        items: list[Unsupported] = []
        for node in all_nodes(graph):
            reason = reason_against(node)
            if reason is None and type(node.op) not in self.emitters:
                reason = self.reasons.get(type(node.op), "no emitter")
            if reason:
                items.append(Unsupported(node.origin, node.op.name, reason))
        if items:
            raise UnsupportedError(items)


EMIT = TfliteEmitters()
EMIT.unsupported(NO_TEXT, *ABOUT_TEXT)
