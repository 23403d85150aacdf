"""Fuses activations into the preceding convolutions and dense layers, for targets that want it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from kexport import ops
from kexport.ir.graph import Node
from kexport.rewrite import Rewriter, RulePass, Skip, rule
from kexport.rewrite.linear import LINEAR
from kexport.rewrite.match import made_by
from kexport.rewrite.rule import Replacement


def fuse_activation(names: Collection[str] = tuple(ops.ACTIVATIONS)) -> RulePass:
    """The pass for a target that fuses the activations called `names`."""

    @rule(*(type(ops.ACTIVATIONS[name]) for name in names))
    def into_linear(node: Node, rewriter: Rewriter) -> Replacement:
        """relu(conv(x)) is conv(x) {activation=relu}."""
        above = made_by(node.inputs[0], *LINEAR)
        if above is None or ops.ACTIVATIONS[node.op.name] != node.op:
            return None
        op: Any = above.op
        if op.activation is not None:
            return Skip(f"the {op.name} has an activation")
        if not rewriter.only_use(node.inputs[0]):
            return Skip(f"the {op.name} is used elsewhere too")
        return rewriter.add(replace(op, activation=node.op.name), *above.inputs, origin=above.origin)

    return RulePass("fuse_activation", (into_linear,))


PASS = fuse_activation()
