"""Expands ops into simpler ones, for targets that lack them."""

from __future__ import annotations

from dataclasses import replace

from kexport.errors import GraphError
from kexport.ir.op import Op
from kexport.passes.decompose import (
    activation,
    binary,
    control,
    convolution,
    elementwise,
    hashing,
    layout,
    norm,
    product,
    quantize,
    recurrent,
    reduce,
    resize,
)
from kexport.rewrite import Rule, RulePass

RULES: tuple[Rule, ...] = (
    *activation.RULES,
    *binary.RULES,
    *control.RULES,
    *convolution.RULES,
    *elementwise.RULES,
    *hashing.RULES,
    *layout.RULES,
    *norm.RULES,
    *product.RULES,
    *quantize.RULES,
    *recurrent.RULES,
    *reduce.RULES,
    *resize.RULES,
)
DECOMPOSE: dict[type[Op], Rule] = {op: rule for rule in RULES for op in rule.ops}
"""The rule that expands each op; the results may be expanded in turn."""


def decompose(*kinds: type[Op]) -> RulePass:
    """Make a pass that expands exactly these ops, for a target that lacks them.

    Raises:
        GraphError: an op has no decomposition.
    """
    return RulePass("decompose", rules_for(*kinds))


def rules_for(*kinds: type[Op]) -> tuple[Rule, ...]:
    """Return the rules that expand these ops. A rule for several ops is limited to these.

    Raises:
        GraphError: an op has no decomposition.
    """
    unknown = sorted(kind.name for kind in kinds if kind not in DECOMPOSE)
    if unknown:
        raise GraphError(f"there is no decomposition of {', '.join(unknown)}")
    rules = dict.fromkeys(DECOMPOSE[kind] for kind in kinds)
    return tuple(replace(r, ops=tuple(op for op in r.ops if op in kinds)) for r in rules)
