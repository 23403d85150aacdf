"""Says, before anything is written, what each layer gets on each target by a recipe, and why if it is another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kexport.ir.graph import Graph
from kexport.quantize.recipes.recipe import Recipe
from kexport.quantize.recipes.scheme import SCHEMES
from kexport.quantize.recipes.weights import weights_of
from kexport.target import Target, all_nodes

LISTED = 3
"""How many layers a sentence names."""


@dataclass(frozen=True)
class LayerPlan:
    """What one op of a layer gets on one target."""

    target: str
    layer: str
    op: str
    asked: str
    """The scheme that the recipe gives it."""
    held: str
    """The scheme that the target has for it."""
    because: str = ""
    """Why that is another one; empty if it is not."""
    weights: int = 0
    """How many weights it has."""


def explain(graph: Graph, recipe: Recipe, target: Target, options: Any) -> list[LayerPlan]:
    """A plan for every op with weights, in the order of the graph; bodies included.

    Args:
        graph: an optimized graph.
        recipe: what is asked for.
        target: which target.
        options: its options, which may decide on what it holds.
    """
    plans: list[LayerPlan] = []
    for node in all_nodes(graph):
        if (count := weights_of(node)) > 0:
            asked = recipe.scheme_of(node).name
            held = target.holds(asked, node.op.name, options)
            plans.append(LayerPlan(target.name, node.origin, node.op.name, asked, held.scheme, held.because, count))
    return plans


def substitutes(plans: Iterable[LayerPlan]) -> list[str]:
    """A sentence for each scheme that a target does not hold: what it has instead, for which layers, and why."""
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for plan in plans:
        if plan.held != plan.asked:
            groups.setdefault((plan.target, plan.asked, plan.held, plan.because), []).append(plan.layer or plan.op)
    return [
        f"{target}: {held} instead of {asked} for {_listed(layers)}: {because}"
        for (target, asked, held, because), layers in groups.items()
    ]


def stored_bytes(plans: Iterable[LayerPlan]) -> int:
    """About how many bytes the weights of these plans take, scales left out."""
    return sum(plan.weights * SCHEMES[plan.held].bits // 8 for plan in plans)


def _listed(layers: Sequence[str]) -> str:
    names = list(dict.fromkeys(layers))
    rest = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")
