"""What batch norms tell of the data that a model was trained on, and which of them make integers hopeless."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from kexport import ops
from kexport.errors import GraphError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Node
from kexport.ir.op import Array
from kexport.quantize.audit.finding import Finding, listed

_FACTOR = 8.0
"""How much wider or narrower than in training the median channel may be; other data does not do more."""
_SPREAD = 2.0**10
"""How far the scales of a norm may differ between channels."""


class _FirstNorm(Exception):
    """Ends an evaluation at the first batch norm."""


def first_norm(graph: Graph, batch: Mapping[str, Array]) -> tuple[Node, Array] | None:
    """The first batch norm of a captured graph and what it gets on a batch; None if there is none."""
    found: list[tuple[Node, Array]] = []

    def observe(node: Node, results: Sequence[Array]) -> None:
        made = {v: a for v, a in zip(node.outputs, results, strict=True) if v.type.dtype.is_float}
        for value, array in made.items():
            norms = [u.node for u in value.uses if isinstance(u.node.op, ops.BatchNorm) and u.index == 0]
            if norms and _trained(norms[0]) is not None:
                found.append((norms[0], array))
                raise _FirstNorm

    try:
        evaluate(graph, batch, observe=observe)
    except _FirstNorm:
        return found[0]
    except GraphError:
        return None
    return None


def unlike_training(node: Node, array: Array) -> Iterator[Finding]:
    """Data on which a batch norm gets something else than in training.

    Its moving statistics are what it got then: a forgotten division by 255 shows as a factor of 255.
    """
    trained = _trained(node)
    if trained is None:
        return
    rows = array.reshape(-1, array.shape[-1]).astype(np.float64)
    alive = trained[1] > 0
    now = rows.std(axis=0)[alive]
    then = np.sqrt(trained[1][alive])
    factor = float(np.median(now / then)) if alive.any() else 1.0
    if not 1 / _FACTOR <= factor <= _FACTOR:
        times = f"{factor:.3g} times as wide" if factor > 1 else f"{1 / max(factor, 1e-9):.3g} times narrower"
        what = f"batch norm {node.origin!r} gets values {times} as its training data gave: "
        what = what.replace("narrower as", "narrower than")
        what += "the calibration data is on another scale than the training data"
        hint = "give data as the model was trained on it, divided by 255 or standardized in the same way"
        yield Finding("unlike training", (node.origin,), what, hint)


def uneven_norms(graph: Graph) -> Iterator[Finding]:
    """Batch norms of a captured graph whose scales differ so much that folding them leaves some channels no bits."""
    bad: dict[str, float] = {}
    for node in graph.nodes:
        trained = _trained(node) if isinstance(node.op, ops.BatchNorm) else None
        if trained is None:
            continue
        gamma = node.inputs[1].data
        epsilon = float(node.op.attributes().get("epsilon", 0.0))
        scales = np.abs(1.0 if gamma is None else gamma.astype(np.float64)) / np.sqrt(trained[1] + epsilon)
        scales = scales[scales > 0]
        if scales.size > 1 and scales.max() / np.median(scales) > _SPREAD:
            bad[node.origin] = float(scales.max() / np.median(scales))
    if bad:
        layers = sorted(bad, key=lambda name: -bad[name])
        what = f"batch norm {layers[0]!r} multiplies some channels by {bad[layers[0]]:.0f} times as much as others: "
        what += "their variance in training was next to nothing"
        what += f"; so it is for {listed(layers[1:])}" if layers[1:] else ""
        hint = 'leave the layer before it in float by a recipe: scheme = "float32"; or train on, with a larger epsilon'
        yield Finding("uneven norms", tuple(layers), what, hint)


def _trained(node: Node) -> tuple[Array, Array] | None:
    """The moving mean and variance of a batch norm, if they are constants of its channels."""
    mean, variance = (v.data for v in node.inputs[3:5]) if len(node.inputs) >= 5 else (None, None)
    if mean is None or variance is None or not np.isfinite(variance.astype(np.float64)).all():
        return None
    return mean.astype(np.float64).reshape(-1), variance.astype(np.float64).reshape(-1)
