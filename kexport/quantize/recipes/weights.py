"""Tells how many numbers of a node are weights that are worth storing in less."""

from __future__ import annotations

from kexport.ir.graph import Node


def weights_of(node: Node) -> int:
    """How many numbers of a node are weights: constant matrices, in the ops that have them; biases are none."""
    if not node.op.traits.weights:
        return 0
    return sum(v.data.size for v in node.inputs if v.data is not None and v.data.ndim > 1 and v.type.dtype.is_float)
