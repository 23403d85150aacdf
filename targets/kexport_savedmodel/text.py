"""Explains, node by node, what TensorFlow's operations cannot do with text."""

from __future__ import annotations

from kexport import ops
from kexport.errors import Unsupported, UnsupportedError
from kexport.ir.graph import Graph, Node
from kexport.ir.traits import Text
from kexport.ir.types import DType
from kexport.target import all_nodes


def refuse_text(graph: Graph) -> None:
    """Raise one error for all nodes that compute with text, or look it up in tables that are computed."""
    items = [Unsupported(n.origin, n.op.name, why) for n in all_nodes(graph) if (why := _reason_against(n))]
    if items:
        raise UnsupportedError(items)


def _reason_against(node: Node) -> str | None:
    if any(v.type.dtype is DType.STRING for v in (*node.inputs, *node.outputs)) and node.op.facts().text is Text.NEVER:
        return "it computes with numbers, not with text"
    if isinstance(node.op, ops.Lookup) and not node.inputs[1].is_constant:
        return "a table is filled when the model is loaded; its keys must be constants"
    return None
