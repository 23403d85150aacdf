"""Fuses activations into the preceding convolutions and dense layers, for targets that want it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.rewrite import Rewriter, RulePass, Skip, rule
from kexport.rewrite.linear import LINEAR
from kexport.rewrite.match import made_by
from kexport.rewrite.rule import Replacement


def fuse_activation(names: Collection[str] = tuple(ops.ACTIVATIONS)) -> RulePass:
    """The pass for a target that fuses the activations called `names`."""

    @rule(*(type(ops.ACTIVATIONS[name]) for name in names))
    def into_linear(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
        """relu(conv(x)) is conv(x) {activation=relu}."""
        above = made_by(node.inputs[0], *LINEAR)
        if above is None or ops.ACTIVATIONS[op.name] != op:
            return None
        linear: Any = above.op
        if linear.activation is not None:
            return Skip(f"the {linear.name} has an activation")
        if not rewriter.only_use(node.inputs[0]):
            return Skip(f"the {linear.name} is used elsewhere too")
        return rewriter.add(replace(linear, activation=op.name), *above.inputs, origin=above.origin)

    return RulePass("fuse_activation", (into_linear,))


PASS = fuse_activation()
