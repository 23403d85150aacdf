"""How much a fault really changes: graph against graph in float64, measured in units of float32 noise.

Nothing of kexport.verify has a say here, or a kill would prove only that verification agrees with itself.
"""

from __future__ import annotations

import math

import numpy as np

from kexport.errors import GraphError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from tests.faults.bench import Arrays, Bench, Known

EFFECTIVE = 32.0
"""From how many units on a change counts. One unit is what float32 rounding does to this output of this batch, and at
least one ulp of its largest value; two right engines have been seen 4 units apart, and nobody can tell faults from
rounding before they are some times that."""
ULP = float(np.finfo(np.float32).eps)


def effect(bench: Bench, graph: Graph, narrow: bool = False) -> float:
    """The largest change of any output on any batch, in units of noise; infinite where kind, type or shape change.

    `narrow` computes the changed graph in its own element types, for faults of rounding, which float64 does not have.
    """
    return max(_batch_effect(known, graph, narrow) for known in bench.known)


def output_effect(known: Known, outputs: Arrays, ulp: float = ULP) -> float:
    """The same for outputs that were computed elsewhere, such as by an engine from a changed file."""
    if any(np.asarray(a).dtype != known.narrow[n].dtype for n, a in outputs.items() if n in known.narrow):
        return math.inf
    return _largest_change(known, outputs, ulp)


def _batch_effect(known: Known, graph: Graph, narrow: bool) -> float:
    try:
        outputs = evaluate(graph, known.inputs, wide=not narrow)
    except GraphError:
        return math.inf  # it cannot even be computed
    return _largest_change(known, outputs)


def _largest_change(known: Known, outputs: Arrays, ulp: float = ULP) -> float:
    names = list(known.wide)
    if list(outputs) != names:
        return math.inf
    return max(_change(known.wide[n], known.narrow[n], np.asarray(outputs[n]), ulp) for n in names)


def _change(wide: Array, narrow: Array, other: Array, ulp: float) -> float:
    if wide.shape != other.shape or (wide.dtype.kind == "f") != (other.dtype.kind == "f"):
        return math.inf
    if wide.dtype.kind != "f":
        settled = wide == narrow
        return math.inf if (other != wide)[settled].any() else 0.0
    with np.errstate(all="ignore"):
        kinds = [np.where(np.isnan(a), 3, np.where(np.isinf(a), np.sign(a), 0)) for a in (wide, narrow, other)]
        settled = (kinds[0] == 0) & (kinds[1] == 0)
        if (kinds[2] != kinds[0])[kinds[0] == kinds[1]].any():
            return math.inf
        if not settled.any():
            return 0.0
        unit = max(float(np.abs(narrow[settled] - wide[settled]).max()), ulp * float(np.abs(wide[settled]).max()))
        change = float(np.abs(other[settled].astype(np.float64) - wide[settled]).max())
    return change / unit if unit else math.inf * change if change else 0.0
