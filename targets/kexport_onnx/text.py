"""Explains, node by node, what ONNX operators cannot do with text."""

from __future__ import annotations

from collections.abc import Sequence

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ir.traits import Text
from kexport.ir.types import DType

SINCE: dict[type[Op], int] = {
    ops.Equal: 19,
    ops.NotEqual: 19,
    ops.JoinText: 20,
    ops.ReplaceText: 20,
    ops.SplitText: 20,
}
"""The opset that brought what becomes of an op on text."""


def reason_against(node: Node, newest: int) -> str | None:
    """Why a node with text cannot be emitted for this opset or an older one; None if it can, or has no text."""
    if not any(v.type.dtype is DType.STRING for v in (*node.inputs, *node.outputs)):
        return None
    if node.op.facts().text is Text.NEVER:
        return "it computes with numbers, not with text"
    if newest < (since := SINCE.get(type(node.op), newest)):
        return f"opset {newest} has none on text; choose opset {since} or newer"
    match node.op:
        case ops.SplitText(unit="character"):
            return "ONNX has nothing that takes characters apart"
        case ops.ReplaceText(texts=texts, replacement=replacement) if not _in_turn(texts, replacement):
            return (
                f"ONNX replaces one text after the other: behind the first of {len(texts)} there may only be single "
                f"characters that are not in {replacement!r}"
            )
        case ops.Lookup() if not node.inputs[1].is_constant:
            return "ONNX looks up in a table that is written in the model; its keys must be constants"
    return None


def _in_turn(texts: Sequence[str], replacement: str) -> bool:
    """Return whether replacing texts one after the other equals replacing all at once."""
    return all(len(t) == 1 and t not in replacement for t in texts[1:])
