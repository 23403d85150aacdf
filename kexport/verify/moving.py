"""Searches a batch on which outputs vary, if they are the same on all generated ones.

A classifier trained on small numbers returns 1.0 for anything larger, and 1.0 proves nothing. So the inputs of a usual
batch are scaled down and up until the outputs of the captured graph tell samples apart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from kexport.errors import GraphError
from kexport.evidence.batches import Batch
from kexport.evidence.reference_file import Arrays
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.verify.compare import is_float
from kexport.verify.oracles import MOST_RUNS, affordable
from kexport.verify.silence import are_ends

NAME = "moving"
SCALES = (0.3, 0.1, 0.03, 0.01, 0.001, 3.0, 10.0, 30.0)
"""The factors by which inputs are scaled."""
ALIVE = 0.5
BETTER = 0.2
"""The fraction of elements that must vary for an output to count as moving, and the gain that a batch must bring."""
CLOSE = 1e-5
"""The relative distance below which samples are not told apart."""


def moving_batch(graph: Graph, batches: Sequence[Batch]) -> Batch | None:
    """Find a batch on which outputs vary that are constant on the given ones, if that is cheap."""
    usual = [b for b in batches if b.kind != "extreme"]
    base = max(usual, key=lambda b: sum(a.size for a in b.inputs.values()), default=None)
    if base is None or affordable(graph, base) < MOST_RUNS or not any(is_float(a) for a in base.inputs.values()):
        return None
    lives = [_lives(graph, b) for b in usual]
    best = {name: max(life[name] for life in lives) for name in lives[0]}
    still = [name for name, life in best.items() if life < ALIVE]
    found = None
    most = sum(best[name] for name in still) + BETTER
    for batch in _candidates(base) if still else ():
        life = _lives(graph, batch)
        total = sum(life[name] for name in still)
        if total > most:
            found = batch
            most = total
    return found


def _candidates(batch: Batch) -> Iterator[Batch]:
    for scale in SCALES:
        inputs = {n: (a * scale).astype(a.dtype) if is_float(a) else a for n, a in batch.inputs.items()}
        yield dataclasses.replace(batch, name=NAME, inputs=inputs)


def _lives(graph: Graph, batch: Batch) -> dict[str, float]:
    """Return how much each float output varies on a batch."""
    try:
        outputs: Arrays = evaluate(graph, batch.inputs, narrow=True)
    except GraphError:
        return {o.name: 0.0 for o in graph.outputs}
    return {name: _life(array) if is_float(array) else 1.0 for name, array in outputs.items()}


def _life(array: Array) -> float:
    """Return the fraction of elements that are not at the end of a range and differ between samples."""
    if not array.size:
        return 0.0
    values = array.astype(np.float64).reshape(len(array) if array.ndim else 1, -1)
    finite = np.isfinite(values)
    size = float(np.max(np.abs(values), initial=0.0, where=finite))
    with np.errstate(invalid="ignore"):
        apart = np.abs(values - values[:1]).max(0) > CLOSE * size if len(values) > 1 else np.ones(values.shape[1], bool)
    return float((finite & ~are_ends(values) & apart).mean())
