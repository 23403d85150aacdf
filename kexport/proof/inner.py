"""Judges the values before outputs that prove nothing: inner layers, and the operands of saturations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from kexport.deadline import deadline
from kexport.errors import KexportError, VerifyError
from kexport.evidence.reference_file import Recording, Reference
from kexport.ir.graph import Graph, Node, Value
from kexport.locate.align import Alignment
from kexport.locate.checkpoints import Checkpoint, checkpoints
from kexport.locate.divergence import DIVERGES, NO_EVIDENCE, OK, LayerCheck, Subject, check_layers
from kexport.locate.layers import keras_problems, layer_reference
from kexport.target import Runtime
from kexport.verify.compare import is_float
from kexport.verify.draws import random_values

MOST_POINTS = 48
"""The most values looked at; of more, the last ones and some of the others are."""
MOST_ELEMENTS = 20_000_000
"""The most elements of all these values together on a batch."""


@dataclass(frozen=True)
class Inner:
    """The result. `fault` and `missing` are empty if there is none."""

    agree: int = 0
    """The number of values inside the artifact that are right."""
    fault: str = ""
    missing: str = ""
    """Why it proves nothing."""

    @property
    def agreement(self) -> str:
        """The number of right values, in words."""
        return f"{self.agree} inner value{'s agree' if self.agree != 1 else ' agrees'}"


@dataclass(frozen=True)
class _Inside:
    """Values inside an artifact: which ones, their expected arrays, and the tensors that hold them."""

    points: Sequence[Checkpoint]
    layers: Reference
    alignment: Alignment


class Insight:
    """The known values inside an artifact: found once, the same for all its runtimes."""

    def __init__(self, subject: Subject, reference: Reference, recordings: Sequence[Recording]):
        self.subject = subject
        self.reference = reference
        self.recordings = recordings
        self._found: dict[tuple[str, ...], _Inside] = {}

    def depends(self, output: str) -> bool:
        """Return whether an output is computed from an input at all; sizes do not count."""
        nodes = _before(self.subject.graph, [output])
        given = {o.value for o in self.subject.graph.outputs if o.name == output}
        inputs = set(self.subject.graph.inputs)
        return not inputs.isdisjoint(given) or any(not inputs.isdisjoint(n.inputs) for n in nodes)

    def judge(self, runtime: Runtime, outputs: Collection[str], timeout: float, *, settled: bool = True) -> Inner:
        """Compare the values that outputs are computed from with the captured graph, and with recorded Keras layers.

        Where it is not `settled` what the outputs are, as rounding decides, the whole of the graph for this target may
        well compute something else than the captured one.
        """
        try:
            with deadline(timeout, "evaluating them", VerifyError):
                inside = self._inside(tuple(outputs))
            if inside is None:
                return Inner(missing="there is nothing inside to be compared")
            wrong = next(iter(keras_problems(inside.points, inside.layers, self.reference).items()), None)
            if wrong is not None:
                return Inner(fault=f"capture disagrees with Keras: layer {wrong[0]!r}: {wrong[1]}")
            alignment = inside.alignment if settled else dataclasses.replace(inside.alignment, lost="")
            rows, note = check_layers(self.subject, runtime, inside.layers, alignment, timeout, inside.points)
        except KexportError as e:
            return Inner(missing=f"its layers cannot be found: {e.what}")
        return Inner(missing=note) if note else _concluded(rows, inside.layers)

    def _inside(self, outputs: tuple[str, ...]) -> _Inside | None:
        chosen = choose_recording(self.recordings)
        points = inner_points(self.subject.graph, outputs)
        if not points or chosen is None:
            return None
        if outputs not in self._found:
            points = _affordable(points, self.subject.graph, chosen)
            layers = layer_reference(self.subject.graph, points, self.reference, [chosen.batch.name])
            self._found[outputs] = _Inside(points, layers, self.subject.aligned(chosen.batch.inputs, points))
        return self._found[outputs]


def inner_points(graph: Graph, outputs: Collection[str]) -> list[Checkpoint]:
    """Return the values on the way to outputs that leave layers or enter saturating ops, in order of computation."""
    before = _before(graph, outputs)
    order = {node: i for i, node in enumerate(graph.nodes)}
    found = {(p.node, p.result): p for p in checkpoints(graph) if list(graph.nodes)[p.node] in before}
    random = random_values(graph)
    names = {p.name for p in found.values()}
    for node in before:
        value = node.inputs[0] if node.op.facts().saturates and node.inputs else None
        if value is None or value.producer is None or value in random:
            continue
        place = (order[value.producer], list(value.producer.outputs).index(value))
        layer = node.origin or graph.name
        name = next(n for n in _names(f"{layer} before {node.op.name}") if n not in names)
        if place not in found:
            found[place] = Checkpoint(name, name, *place)
            names.add(name)
    return _thinned([found[place] for place in sorted(found)])


def _names(name: str) -> Sequence[str]:
    return [name, *(f"{name}#{i}" for i in range(1, 1000))]


def _before(graph: Graph, outputs: Collection[str]) -> list[Node]:
    """Return the nodes that some outputs are computed from."""
    work: list[Value] = [o.value for o in graph.outputs if o.name in outputs]
    seen: dict[Node, None] = {}
    while work:
        node = work.pop().producer
        if node is not None and node not in seen:
            seen[node] = None
            work += node.inputs
    return [n for n in graph.nodes if n in seen]


def _thinned(points: list[Checkpoint]) -> list[Checkpoint]:
    if len(points) <= MOST_POINTS:
        return points
    last = MOST_POINTS // 4
    places = np.linspace(0, len(points) - last - 1, MOST_POINTS - last).astype(int)
    return [points[i] for i in dict.fromkeys(places.tolist())] + points[-last:]


def _affordable(points: Sequence[Checkpoint], graph: Graph, recording: Recording) -> list[Checkpoint]:
    """Return the last points that together have at most `MOST_ELEMENTS`."""
    nodes = list(graph.bind(recording.batch.sizes).nodes)
    kept = list[Checkpoint]()
    total = 0
    for point in reversed(points):
        total += math.prod(d for d in nodes[point.node].outputs[point.result].type.shape if isinstance(d, int))
        if total > MOST_ELEMENTS and kept:
            break
        kept.append(point)
    return kept[::-1]


def choose_recording(recordings: Sequence[Recording]) -> Recording | None:
    """Choose a usual batch, if possible one with Keras' layers, and a small one."""

    def key(r: Recording) -> tuple[bool, bool, int]:
        return r.batch.kind == "extreme", not r.layers, sum(a.size for a in r.batch.inputs.values())

    return min(recordings, key=key, default=None)


def _concluded(rows: Sequence[LayerCheck], layers: Reference) -> Inner:
    """Judge the layers; a layer with constant values is no evidence, and does no harm."""
    wrong = next((r for r in rows if r.verdict == DIVERGES), None)
    if wrong is not None:
        return Inner(fault=f"inner value {wrong.layer!r}: {wrong.reason}")
    moving = {p.name for p in layers.contract.outputs if any(_moves(r, p.name) for r in layers.recordings)}
    agree = sum(r.verdict == OK and r.layer in moving for r in rows)
    unsettled = next((r for r in rows if r.verdict == NO_EVIDENCE and r.layer in moving), None)
    if unsettled is not None:
        return Inner(agree, missing=f"from {unsettled.layer!r} on rounding decides")
    return Inner(agree, missing="" if agree else "no inner value that shows says more")


def _moves(recording: Recording, name: str) -> bool:
    array = recording.outputs[name]
    return array.size > 1 and is_float(array) and bool((array != array.reshape(-1)[0]).any())
