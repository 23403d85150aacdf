"""Quantizing while exporting: the graph of the variant, its reference, and what it costs beside the float model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kexport import ops
from kexport.errors import ConfigError, EmitError, VerifyError
from kexport.evidence.reference_file import Reference
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.lowered import optimize
from kexport.quantize.audit.audit import audit
from kexport.quantize.calibration.fit import ports_of
from kexport.quantize.calibration.source import open_source
from kexport.quantize.graph.insert import quantize_graph
from kexport.quantize.mixed.budget import Budget
from kexport.quantize.mixed.search import fit_budget
from kexport.quantize.recipes.read import find_recipe
from kexport.quantize.recipes.recipe import Recipe
from kexport.quantize.recipes.scheme import SCHEMES, STATIC
from kexport.quantize.statistics.observing import observe
from kexport.quantize.statistics.statistics import Statistics
from kexport.quantize.steps import Loss, loss_between, quantized_reference
from kexport.verify.record import capture_problems
from kexport.workflows.building import Choice, Refusal
from kexport.workflows.progress import Progress

if TYPE_CHECKING:
    from kexport.capture.capturing import Captured


@dataclass(frozen=True)
class Wish:
    """What the user wants quantized, by which data."""

    recipe: Recipe
    data: Any
    min_snr: float | None = None
    min_agreement: float | None = None
    budget: Budget | None = None


@dataclass
class Variant:
    """What is emitted of a captured model: its float graph, or one that is quantized as the user wishes."""

    captured: Captured
    """With the graph of the variant."""
    graph: Graph
    """Optimized."""
    floats: Graph
    """The optimized graph that it was made of."""
    wish: Wish | None = None
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    """What quantization costs, for the manifest."""

    def answers(self, reference: Reference) -> Reference:
        """What artifacts of this variant are judged by.

        Raises:
            VerifyError: capture does not agree with Keras, so that the float graph itself is not to be trusted; or
                more is lost than the user allows.
        """
        if self.wish is None:
            return reference
        if problems := capture_problems(reference, {}):
            raise VerifyError("capture disagrees with Keras: " + "; ".join(problems))
        found = quantized_reference(reference, self.captured.graph, self.wish.recipe.name)
        loss = _loss(self.floats, self.graph, self.wish, reference)
        self.facts = {"quantization": {**self.facts["quantization"], **loss.to_json()}}
        self.notes += (f"{self.wish.recipe.name} keeps {loss}",)
        if short := shortfalls(loss, self.wish):
            hint = "leave the layers that hurt in float by a recipe, or calibrate with more data"
            raise VerifyError(f"{self.wish.recipe.name} loses too much: {'; '.join(short)}", hint=hint)
        return found


def read_wish(
    quantize: str | Path | Recipe | None,
    calibrate: Any,
    samples: str | Path | None,
    min_snr: float | None = None,
    min_agreement: float | None = None,
    budget: str | None = None,
) -> Wish | None:
    """What is to be quantized; None if nothing is. Without data of its own it calibrates on the samples.

    Raises:
        ConfigError: no such recipe, no data where it needs some, or data and floors without a recipe.
    """
    if quantize is None:
        given = {"--calibrate": calibrate, "--min-snr": min_snr, "--min-agreement": min_agreement}
        given["--budget"] = budget
        lonely = next((name for name, value in given.items() if value is not None), None)
        if lonely:
            raise ConfigError(f"{lonely} says nothing without a recipe", hint="add --quantize int8")
        return None
    recipe = find_recipe(quantize)
    data = calibrate if calibrate is not None else samples
    if recipe.needs_data and data is None:
        hint = "add --calibrate with an .npz file or a folder of images, or take --quantize int8-weights"
        raise ConfigError(f"the recipe {recipe.name!r} needs calibration data", hint=hint)
    unready = sorted({r.scheme for r in recipe.rules} - READY)
    if unready:
        hint = f"emitted are {', '.join(sorted(READY - {'float32'}))}"
        raise ConfigError(f"no format emits the scheme {unready[0]!r} yet", where=recipe.name, hint=hint)
    allowed = Budget.parse(budget) if budget else None
    if allowed and data is None:
        hint = "add --calibrate with an .npz file or a folder of images"
        raise ConfigError("what a budget allows is measured on data, and there is none", hint=hint)
    return Wish(recipe, data, min_snr, min_agreement, allowed)


MOST = 512
ROWS = 32
"""Samples that the loss is measured on at most, and how many of them at a time."""
READY = {"float32", "int8", "int8-weights"}
"""The schemes that targets emit."""


def split_targets(choices: Sequence[Choice], wish: Wish, all_of_them: bool) -> tuple[list[Choice], list[Refusal]]:
    """The targets that hold what a recipe asks for, and those that do not.

    Args:
        choices: the targets.
        wish: what is to be quantized.
        all_of_them: the user named no target, so that those that hold it are meant.

    Raises:
        EmitError: none does.
    """
    static = [r.scheme for r in wish.recipe.rules if SCHEMES[r.scheme].scales == STATIC]
    if not static:
        return list(choices), []
    holding = [c for c in choices if c[0].computes_in_integers]
    others = [c for c in choices if not c[0].computes_in_integers]
    refused = [Refusal(t.name, _cannot(t.title, static[0])) for t, _ in others]
    if not holding:
        raise refused[0].error.located(refused[0].target)
    return holding, [] if all_of_them else refused


def _cannot(title: str, scheme: str) -> EmitError:
    hint = "export it on its own with --quantize int8-weights: weights in int8, computed in float"
    return EmitError(f"{title} artifacts do not compute in integers, as the scheme {scheme!r} asks for", hint=hint)


def variant_of(captured: Captured, graph: Graph, wish: Wish | None, tell: Progress) -> Variant:
    """What is to be emitted of a captured model, by its optimized graph.

    Raises:
        ConfigError: calibration data that the model does not take, or a recipe that does not fit it.
    """
    if wish is None:
        return Variant(captured, graph, graph)
    wish.recipe.check(graph)
    statistics = None
    notes: tuple[str, ...] = ()
    if wish.recipe.needs_data:
        tell("calibrate", graph.name, None)

        def told(done: int, count: int | None) -> None:
            tell("calibrate", f"{done} samples", done / count if count else None)

        statistics = observe(graph, open_source(wish.data, ports_of(graph)), tell=told)
        notes = tuple(str(f) for f in audit(graph, statistics, captured.graph))
    tell("quantize", wish.recipe.name, None)
    if wish.budget is not None:
        wish, kept = _within(graph, wish, wish.budget, statistics)
        notes += kept
    made = optimize(quantize_graph(graph, wish.recipe, statistics))
    if not any(isinstance(n.op, ops.Dequantize) for n in made.nodes):
        notes += (f"nothing is quantized: no layer has weights that {wish.recipe.name} makes smaller",)
    facts = {"quantization": {"recipe": wish.recipe.name, "rules": wish.recipe.to_json()["rules"]}}
    return Variant(dataclasses.replace(captured, graph=made), made, graph, wish, notes, facts)


def _within(graph: Graph, wish: Wish, budget: Budget, statistics: Statistics | None) -> tuple[Wish, tuple[str, ...]]:
    """The recipe in which the layers that hurt most stay in float, as many as the budget asks for; and which ones."""
    batches = [inputs for inputs, _ in open_source(wish.data, ports_of(graph), limit=MOST).batches(ROWS)]
    found = fit_budget(graph, wish.recipe, budget, lambda g, r: quantize_graph(g, r, statistics), batches)
    left = ", ".join(found.layers)
    text = f"the budget {budget} leaves {left} in float" if left else f"the budget {budget} is met as it is"
    return dataclasses.replace(wish, recipe=found.recipe), (text,)


def _loss(floats: Graph, quantized: Graph, wish: Wish, reference: Reference) -> Loss:
    """The loss on the user's samples; without any on the calibration data, and without that on generated inputs."""
    own = [r.batch.inputs for r in reference.recordings if r.batch.kind == "sample"]
    if not own and wish.data is not None:
        own = [inputs for inputs, _ in open_source(wish.data, ports_of(floats), limit=MOST).batches(ROWS)]
    batches = own or [r.batch.inputs for r in reference.recordings if r.batch.kind != "extreme"]
    return loss_between([(evaluate(floats, b), evaluate(quantized, b)) for b in batches])


def shortfalls(loss: Loss, wish: Wish) -> list[str]:
    """What falls below the floors of the user, in sentences."""
    found = []
    if wish.min_snr is not None and loss.snr < wish.min_snr:
        found.append(f"{loss.snr:.1f} dB are less than --min-snr {wish.min_snr:g}")
    if wish.min_agreement is not None and loss.agreement < wish.min_agreement:
        least = f"--min-agreement {100 * wish.min_agreement:g}%"
        found.append(f"{100 * loss.agreement:.4g} % agreement is less than {least}")
    return found
