"""Finds, by numbers, which tensor of an artifact holds the output of each Keras layer.

Names do not tell: passes fold one layer into the next, and targets lay tensors out in their own way. So the captured
graph and the legalized one are evaluated in float64 on one batch: a layer's output has survived if some value of the
legalized graph is equal to it, perhaps with its axes in another order or in another shape.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kexport.evidence.plain import plain
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.locate.checkpoints import Checkpoint, checkpoints, reaches, values_at
from kexport.verify.compare import is_float, magnitude

CLOSE = 1e-4
"""The largest relative distance of two values of the same tensor: passes fold constants in float32."""
ALIKE = 0.3
"""The largest RMS distance of a quantized value from the real one; the layer's name must agree as well."""
MAX_TURNED_RANK = 5


@dataclass(frozen=True)
class Tap:
    """The tensor that holds a checkpoint's value.

    `perm` brings its axes into the layer's order; None if they are in that order (or only the shape differs).
    """

    checkpoint: str
    tensor: str
    perm: tuple[int, ...] | None = None

    def restore(self, array: Array, shape: tuple[int, ...]) -> Array:
        """Bring the tensor into the layer's shape; leave it as it is if it has another number of elements."""
        if self.perm is not None and array.ndim == len(self.perm):
            array = array.transpose(self.perm)
        return array.reshape(shape) if array.size == np.prod(shape, dtype=int) else array


@dataclass(frozen=True)
class Alignment:
    """The tensors of an artifact that hold the layers of its model."""

    taps: tuple[Tap, ...] = ()
    lost: str = ""
    """The first checkpoint from which the graph for this target computes something else; empty if there is none."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return plain(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Alignment:
        """The inverse of `to_json`."""
        taps = [Tap(t["checkpoint"], t["tensor"], t["perm"] and tuple(t["perm"])) for t in data["taps"]]
        return Alignment(tuple(taps), data["lost"])


@dataclass
class _Match:
    """The best tensor so far for a checkpoint; a lower rank is better."""

    rank: tuple[float, ...] = field(default=(float("inf"),))
    tap: Tap | None = None


def align(
    graph: Graph,
    legalized: Graph,
    tensors: Mapping[Value, str],
    inputs: Mapping[str, Array],
    points: Sequence[Checkpoint] | None = None,
) -> Alignment:
    """Find the layers of a captured graph in its legalized form.

    Args:
        graph: the captured graph.
        legalized: the same, optimized and legalized.
        tensors: the names that values of the legalized graph have in the artifact.
        inputs: one batch.
        points: the values to look for; None for those that leave a layer.
    """
    points = checkpoints(graph) if points is None else points
    wanted = values_at(graph, points, inputs, wide=True)
    layers = {p.name: p.layer for p in points}
    matches = {p.name: _Match() for p in points}
    by_size: dict[int, list[str]] = {}
    for name, array in wanted.items():
        by_size.setdefault(array.size, []).append(name)
    loose = any("quantize" in node.op.name for node in legalized.nodes)
    count = itertools.count()

    def observe(node: Node, results: Sequence[Array]) -> None:
        for value, array in zip(node.outputs, results, strict=True):
            place = next(count)
            for name in by_size.get(array.size, ()) if value in tensors else ():
                same_layer = node.origin == layers[name]
                found = compare_values(wanted[name], array, loose=loose and same_layer)
                if found is not None:
                    error, perm = found
                    rank = (error > CLOSE, not same_layer, perm is not None, -place if same_layer else place)
                    if rank < matches[name].rank:
                        matches[name] = _Match(rank, Tap(name, tensors[value], perm))

    ours = evaluate(legalized, inputs, wide=True, observe=observe)
    taps = tuple(m.tap for m in matches.values() if m.tap is not None)
    theirs = evaluate(graph, inputs, wide=True)
    same = loose or all(compare_values(theirs[n], a) is not None for n, a in ours.items() if n in theirs)
    return Alignment(taps, "" if same else _lost(graph, points, {t.checkpoint for t in taps}))


def compare_values(wanted: Array, array: Array, *, loose: bool = False) -> tuple[float, tuple[int, ...] | None] | None:
    """Return how far an array is from `wanted` and in which order of axes; None if it does not hold `wanted`."""
    if wanted.size != array.size or not wanted.size or is_float(wanted) != is_float(array):
        return None
    if not loose and not _similar(wanted, array):
        return None
    error = _distance(wanted, array.reshape(wanted.shape))
    if error <= CLOSE:
        return error, None
    if array.ndim == wanted.ndim <= MAX_TURNED_RANK:
        for perm in itertools.permutations(range(array.ndim)):
            turned = array.transpose(perm)
            if perm != tuple(range(array.ndim)) and turned.shape == wanted.shape and _distance(wanted, turned) <= CLOSE:
                return _distance(wanted, turned), perm
    if loose and array.shape == wanted.shape and _rms(wanted, array) <= ALIKE:
        return ALIKE, None
    return None


def _similar(a: Array, b: Array) -> bool:
    """A quick test that arrays with the same elements pass, in any order."""
    x = _wide(a)
    y = _wide(b)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return True
    limit = CLOSE * magnitude(a)
    return all(abs(float(f(x)) - float(f(y))) <= limit for f in (np.min, np.max, np.mean))


def _distance(a: Array, b: Array) -> float:
    """The largest difference relative to the magnitude of `a`; infinite if they are not finite at the same places."""
    x = _wide(a)
    y = _wide(b)
    finite = np.isfinite(x)
    if not np.array_equal(finite, np.isfinite(y)):
        return float("inf")
    worst = float(np.max(np.abs(x[finite] - y[finite]), initial=0.0))
    return worst / (magnitude(a) or 1.0) if worst else 0.0


def _rms(a: Array, b: Array) -> float:
    x = _wide(a)
    y = _wide(b)
    power = float(np.sqrt(np.mean(x * x)))
    return float(np.sqrt(np.mean((x - y) ** 2))) / power if power else float("inf")


def _wide(array: Array) -> Array:
    return array.astype(np.float64)


def _lost(graph: Graph, points: Sequence[Checkpoint], found: set[str]) -> str:
    """Return the first checkpoint that is not found, and from which nothing found is computed."""
    alive = set(found)
    sources = {name: reach.sources for name, reach in reaches(graph, points, {p.name for p in points}).items()}
    for point in reversed(points):
        if point.name in alive:
            alive.update(sources[point.name])
    return next((p.name for p in points if p.name not in alive), points[-1].name if points else "")
