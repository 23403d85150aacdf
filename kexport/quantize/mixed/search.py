"""Mixed precision by itself: measures what each layer costs, and leaves as few as it takes with more bits.

A layer's sensitivity is what the loss falls by if it alone is not quantized, with what follows it up to the next layer
with weights. Layers go back in the order of what that gains for a byte; how many it takes is found by halving, and
those that turn out not to be needed are quantized again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from glob import escape

from kexport.errors import ConfigError
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.quantize.mixed.budget import Budget
from kexport.quantize.mixed.loss import Loss, Outputs, loss_of, outputs_of
from kexport.quantize.recipes.read import recipe_text
from kexport.quantize.recipes.recipe import EVERY, LayerRule, Recipe
from kexport.quantize.recipes.scheme import KEPT, find_scheme
from kexport.quantize.recipes.weights import weights_of
from kexport.target import all_nodes

Quantize = Callable[[Graph, Recipe], Graph]
"""Makes a quantized graph by a recipe, and leaves the given one as it is."""
Tell = Callable[[int, int], None]
"""Told how many layers are measured, and of how many."""
_PRUNED = 8
"""Layers that are tried without at the end."""
_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Sensitivity:
    """What one layer costs: the loss if it alone is not quantized, and the bytes that takes more."""

    layer: str
    loss: Loss
    bytes: int


@dataclass(frozen=True)
class Choice:
    """The recipe that was found, what it loses, and its size as a part of the float size."""

    recipe: Recipe
    loss: Loss
    size: float
    layers: tuple[str, ...] = ()
    """The layers that are left with more bits."""
    sensitivities: tuple[Sensitivity, ...] = ()
    """Of all layers, those that cost most first; empty where none had to be measured."""

    def text(self) -> str:
        """The recipe as a TOML file."""
        return recipe_text(self.recipe, [f"{self.loss}, {100 * self.size:.0f} % of the float size"])


@dataclass(eq=False)
class _Search:
    graph: Graph
    recipe: Recipe
    quantize: Quantize
    batches: Sequence[Mapping[str, Array]]
    fallback: str
    threads: int
    _expected: list[Outputs] = field(default_factory=list)
    _known: dict[tuple[str, ...], Choice] = field(default_factory=dict)
    _units: Mapping[str, Sequence[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._units = units(self.graph)

    def with_layers(self, layers: Sequence[str]) -> Choice:
        """What comes of the recipe if these layers get the fallback; measured once."""
        key = tuple(sorted(layers))
        if key not in self._known:
            self._expected = self._expected or [*outputs_of(self.graph, self.batches, self.threads)]
            members = [member for layer in layers for member in self._units[layer]]
            rules = tuple(LayerRule(escape(layer), EVERY, self.fallback) for layer in members)
            name = f"{self.recipe.name}-mixed" if rules else self.recipe.name
            recipe = dataclasses.replace(self.recipe, name=name, rules=(*self.recipe.rules, *rules))
            found = outputs_of(self.quantize(self.graph, recipe), self.batches, self.threads)
            loss = loss_of(self._expected, found)
            self._known[key] = Choice(recipe, loss, size_of(self.graph, recipe), tuple(layers))
        return self._known[key]

    def candidates(self) -> list[str]:
        """The layers that the recipe quantizes further than the fallback does, themselves or what follows them."""
        bits = find_scheme(self.fallback).bits
        schemes = [(n.origin, self.recipe.scheme_of(n)) for n in all_nodes(self.graph)]
        further = {origin for origin, s in schemes if s.name != self.fallback and s.bits <= bits}
        return [layer for layer, members in self._units.items() if further.intersection(members)]


def fit_budget(
    graph: Graph,
    recipe: Recipe,
    budget: Budget,
    quantize: Quantize,
    batches: Sequence[Mapping[str, Array]],
    *,
    fallback: str = KEPT.name,
    threads: int = 1,
    tell: Tell | None = None,
) -> Choice:
    """The recipe with as few layers in a larger scheme as a budget takes.

    Args:
        graph: the optimized float graph.
        recipe: what is tried first, and changed.
        budget: what may be lost, and how large it may be.
        quantize: see `Quantize`.
        batches: data to measure loss on; other data than that of the ranges shows more.
        fallback: the scheme of layers that cost too much.
        threads: for the engine.
        tell: see `Tell`.

    Raises:
        ConfigError: the budget cannot be met; says what the best is that was found.
    """
    search = _Search(graph, recipe, quantize, batches, find_scheme(fallback).name, threads)
    first = search.with_layers(())
    if budget.agreement is not None and first.loss.agreement is None:
        hint = "give a budget of SNR, as snr>=30dB"
        raise ConfigError("the budget is about agreement, and no output has classes", hint=hint)
    if budget.allows(first.loss) and budget.holds(first.size):
        return first
    if not budget.holds(first.size):
        raise _unmet(budget, first, "a recipe with fewer bits, such as int4-weights, is smaller")
    ranked = sensitivities(search, first, tell)
    order = [s.layer for s in ranked]
    count = _least(search, budget, order)
    found = search.with_layers(order[:count])
    if not budget.allows(found.loss):
        raise _unmet(budget, found, "give data of more kinds, or look at what the audit says")
    found = _pruned(search, budget, found)
    if not budget.holds(found.size):
        within = [c for c in search._known.values() if budget.holds(c.size)]
        best = min(within, key=lambda c: c.loss.noise)
        raise _unmet(budget, best, f"with {found.loss} it is {100 * found.size:.0f} % of the float size")
    return dataclasses.replace(found, sensitivities=tuple(ranked))


def sensitivities(search: _Search, first: Choice, tell: Tell | None = None) -> list[Sensitivity]:
    """What each layer costs, those first that gain most for a byte."""
    layers = search.candidates()
    total = _float_bytes(search.graph)
    found: list[Sensitivity] = []
    for i, layer in enumerate(layers):
        alone = search.with_layers((layer,))
        found.append(Sensitivity(layer, alone.loss, round((alone.size - first.size) * total)))
        if tell:
            tell(i + 1, len(layers))
    return sorted(found, key=lambda s: (s.loss.noise - first.loss.noise) / max(s.bytes, 1))


def units(graph: Graph) -> dict[str, list[str]]:
    """The layers with weights, each with the layers without any that come before the next one: they round as one.

    What comes before all of them belongs to the first; a graph without weights is one unit.
    """
    found: dict[str, list[str]] = {}
    early: list[str] = []
    current = early
    for node in all_nodes(graph):
        if not node.origin:
            continue
        if weights_of(node):
            current = found.setdefault(node.origin, [node.origin])
        elif not any(node.origin in members for members in (early, *found.values())):
            current.append(node.origin)
    if early:
        first = next(iter(found), early[0])
        found[first] = [*found.get(first, ()), *(e for e in early if e not in found)]
    return found


def size_of(graph: Graph, recipe: Recipe) -> float:
    """About how large the constants are by a recipe, as a part of what they are in float32; scales are left out."""
    saved = sum(
        weights_of(n) * (_FLOAT_BYTES - recipe.scheme_of(n).bits / 8) for n in all_nodes(graph) if weights_of(n)
    )
    total = _float_bytes(graph)
    return 1 - saved / total if total else 1.0


def _float_bytes(graph: Graph) -> int:
    return sum(v.data.nbytes for v in graph.constants if v.data is not None and v.type.dtype.is_float)


def _least(search: _Search, budget: Budget, order: Sequence[str]) -> int:
    """How many layers of the order it takes, found by halving; all of them if that is not enough."""
    low = 0
    high = len(order)
    while high - low > 1:
        middle = (low + high) // 2
        if budget.allows(search.with_layers(order[:middle]).loss):
            high = middle
        else:
            low = middle
    return high


def _pruned(search: _Search, budget: Budget, found: Choice) -> Choice:
    """The same without layers that are not needed, the last ones first."""
    for layer in [*found.layers][::-1][:_PRUNED]:
        fewer = search.with_layers([x for x in found.layers if x != layer])
        found = fewer if fewer.layers and budget.allows(fewer.loss) else found
    return found


def _unmet(budget: Budget, best: Choice, hint: str) -> ConfigError:
    what = f"the budget {budget} cannot be met: the best that was found is {best.loss} at {100 * best.size:.0f} % of "
    what += f"the float size, with {len(best.layers)} layers left with more bits"
    return ConfigError(what, where=best.recipe.name, hint=hint)
