"""Evaluates the captured graph on a batch: in float64, in float32, and in float32 with random rounding."""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections.abc import Sequence

import numpy as np

from kexport.errors import VerifyError
from kexport.evidence.batches import Batch
from kexport.evidence.reference_file import Recording
from kexport.evidence.sizes import Sizes
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.verify.compare import is_float, kinds, magnitude
from kexport.verify.draws import given
from kexport.verify.perturb import Rounding, farther, needs_perturbing, terms_of
from kexport.verify.tolerance import CAPS, FACTOR

MOST_RUNS = 6
LEAST_RUNS = 2
"""Runs with random rounding besides the plain one, if they are cheap, and if a graph turns rounding into steps."""
MORE_RUNS = 12
"""Runs if Keras is farther off than the first ones explain."""
BUDGET = 2e9
"""The most multiply-adds of all runs of a batch; a value of the graph counts as `VALUE` of them."""
VALUE = 30


def evaluated(recording: Recording, graph: Graph) -> Recording:
    """Add the oracle and the plain float32 run to a recording.

    Raises:
        VerifyError: the graph's outputs have other names or shapes than Keras'.
    """
    observe = given(recording.draws)
    oracle = evaluate(graph, recording.batch.inputs, wide=True, observe=observe)
    eval32 = evaluate(graph, recording.batch.inputs, narrow=True, observe=observe)
    for name, array in recording.outputs.items():
        shapes = [list(a[name].shape) if name in a else None for a in (oracle, eval32)]
        if shapes != [list(array.shape)] * 2:
            raise VerifyError(
                f"capture disagrees with Keras: output {name!r} of batch {recording.batch.name!r} has shape "
                f"{list(array.shape)} in Keras and {shapes[0]} in the captured graph"
            )
    names = list(recording.outputs)
    return dataclasses.replace(recording, oracle={n: oracle[n] for n in names}, eval32={n: eval32[n] for n in names})


def roundings(graph: Graph, batch: Batch, count: int | None = None) -> list[Rounding]:
    """Make the random roundings of a batch: `count`, or as many as the work allows. Every second one flushes."""
    count = count or affordable(graph, batch)
    seed = zlib.crc32(batch.name.encode())
    for array in batch.inputs.values():
        seed = zlib.crc32(repr(array.tolist()).encode() if array.dtype == object else array.tobytes(), seed)
    return [Rounding(seed + i, flush=i % 2 == 1) for i in range(count)]


def perturbed(recording: Recording, graph: Graph, runs: Sequence[Rounding]) -> Recording:
    """Replace each element of a recording's float32 result by that of several runs that is farthest from the oracle.

    Elements whose kind (finite or not) differs between runs, or that jump while most others of the output do not, are
    doubtful: boxes that change places when their scores tie, or the logarithm of a number that is flushed.
    """
    oracle = recording.oracle or {}
    eval32 = dict(recording.eval32 or {})
    doubtful = {n: recording.doubtful.get(n, np.zeros(a.shape, bool)) for n, a in eval32.items()}
    for rounding in runs:
        inputs = recording.batch.inputs
        observe = given(recording.draws)
        other = evaluate(graph, inputs, narrow=True, observe=observe, perturb=rounding)
        for name, array in eval32.items():
            if array.shape == other[name].shape:
                doubtful[name] = doubtful[name] | (kinds(array) != kinds(other[name]))
                eval32[name] = farther(array, other[name], oracle[name])
    doubtful = {n: d | jumps(eval32[n], oracle[n], d) for n, d in doubtful.items()}
    doubtful = {n: d | _underflows(recording.outputs.get(n), eval32[n], oracle[n]) for n, d in doubtful.items()}
    kept = {n: d for n, d in doubtful.items() if d.any()}
    return dataclasses.replace(recording, eval32=eval32, doubtful=kept)


def jumps(array: Array, oracle: Array, doubtful: Array) -> Array:
    """Mask the elements that rounding moves too far to judge them, unless these are most of the output."""
    none = np.zeros(array.shape, bool)
    if not is_float(array) or not array.size:
        return none
    with np.errstate(all="ignore"):
        finite = np.isfinite(array) & np.isfinite(oracle) & ~doubtful
        size = magnitude(oracle[finite])
        far = finite & (np.abs(array.astype(np.float64) - oracle) > CAPS["f32"] / FACTOR * size)
    return far if np.count_nonzero(far) * 2 <= array.size else none


def _underflows(keras: Array | None, eval32: Array, oracle: Array) -> Array:
    """Which elements are NaN in float32 alone, as 0 * log(0) is where a probability underflows: another order of the
    same steps is finite.
    """
    none = np.zeros(eval32.shape, bool)
    if keras is None or not is_float(keras) or not is_float(eval32):
        return none
    return np.isnan(keras) & np.isnan(eval32) & np.isfinite(oracle)


def affordable(graph: Graph, batch: Batch) -> int:
    """Return how many runs are cheap enough, by sizes alone, so that a reference is the same everywhere."""
    least = LEAST_RUNS if needs_perturbing(graph) else 1
    return int(min(max(BUDGET // max(work(graph, batch.sizes), 1), least), MOST_RUNS))


def work(graph: Graph, sizes: Sizes) -> int:
    """Estimate the multiply-adds of one evaluation."""
    return sum(
        (VALUE + terms_of(node, 1)) * math.prod(d for d in value.type.shape if isinstance(d, int))
        for node in graph.bind(sizes).nodes
        for value in node.outputs
    )
