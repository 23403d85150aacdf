"""The audit: all that is to be said of calibration data and of a model before it is quantized."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.quantize.audit import data, eight_bits, norms
from kexport.quantize.audit.finding import Finding, Observed
from kexport.quantize.statistics.statistics import Statistics

CHECKS: tuple[Callable[[Observed], Iterator[Finding]], ...] = (
    data.few_samples,
    data.inputs_off,
    data.constant_outputs,
    data.not_finite,
    data.dead_channels,
    eight_bits.outliers,
    eight_bits.starved_channels,
    eight_bits.coarse_logits,
)
"""What is looked for in statistics, in the order in which it is said."""


def audit(
    graph: Graph,
    statistics: Statistics,
    captured: Graph | None = None,
    batch: Mapping[str, Array] | None = None,
) -> tuple[Finding, ...]:
    """What is wrong with calibration data, and with a model that is to have eight bits.

    Args:
        graph: the graph that was observed.
        statistics: what was observed.
        captured: the graph before passes folded its batch norms, which know what the training data was like.
        batch: a few samples of the data, to compare with that; None for those that the statistics have.
    """
    observed = Observed(graph, statistics)
    found = [f for check in CHECKS for f in check(observed)]
    found += eight_bits.outlying_weights(graph)
    if captured is not None:
        found += norms.uneven_norms(captured)
        batch = batch or statistics.first
        first = norms.first_norm(captured, batch) if batch is not None else None
        found += norms.unlike_training(*first) if first is not None else ()
        if first is not None or batch is None:  # it knows what training data was like, where values are a guess
            found = [f for f in found if f.kind != data.NOT_SCALED]
    return tuple(found)
