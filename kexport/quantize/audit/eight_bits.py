"""What makes eight bits hopeless: ranges that a few numbers or a few channels take up, with little left for others."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from kexport import ops
from kexport.ir.graph import Graph, Node
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.quantize.audit.finding import Finding, Observed, listed, place
from kexport.quantize.statistics.rules import Rule, range_by
from kexport.quantize.statistics.value import ValueStatistics

LEAST_SNR = 20.0
"""dB that eight bits keep of a value, by their rounding alone; with less nothing can be decided."""
_QUANTA = 4
"""Steps of the whole range that a channel has to take up, or it has less than two bits."""
_STARVED_PART = 0.25
"""Part of the channels with less before it is said."""
_STEPS = 255
_COARSE = 0.2
"""The step of a logit that changes a probability by a tenth."""
_BETTER = 'give these layers more bits by a recipe: scheme = "int16x8" or "float32"'


def outliers(observed: Observed) -> Iterator[Finding]:
    """Activations most of which are small beside the greatest, whatever the rule for their range."""
    bad: dict[str, tuple[float, ValueStatistics]] = {}
    for value, found in observed.values():
        snr = rounding_snr(found)
        if snr < LEAST_SNR and not found.is_constant and snr < bad.get(place(value), (math.inf, None))[0]:
            bad[place(value)] = snr, found
    if bad:
        layers = sorted(bad, key=lambda name: bad[name][0])
        snr, found = bad[layers[0]]
        what = f"the values of {layers[0]!r} lie in [{found.low:.4g}, {found.high:.4g}], and most of them near "
        what += f"{found.mean_square**0.5:.2g}: eight bits keep {max(snr, 0):.0f} dB of them"
        what += f"; so it is for {listed(layers[1:])}" if layers[1:] else ""
        hint = f'{_BETTER}; or clip what is rare: ranges = "mse" or "percentile:99.99"'
        yield Finding("outliers", tuple(layers), what, hint)


def starved_channels(observed: Observed) -> Iterator[Finding]:
    """Channels that are so narrow beside others that less than two bits are left for them."""
    bad: dict[str, tuple[int, int, float]] = {}
    for value, found in observed.values():
        channels = found.channels
        if channels is None or len(channels.low) < 2:
            continue
        widths = channels.high - channels.low
        step = (max(found.high, 0.0) - min(found.low, 0.0)) / _STEPS
        alive = widths > 0
        starved = int((widths[alive] < _QUANTA * step).sum())
        if starved >= max(_STARVED_PART * alive.sum(), 2):
            spread = step * _STEPS / float(np.median(widths[alive]))
            bad[place(value)] = max(bad.get(place(value), (0, 0, 0.0)), (starved, int(alive.sum()), spread))
    if bad:
        layers = sorted(bad, key=lambda name: -bad[name][0] / bad[name][1])
        starved, all_, spread = bad[layers[0]]
        what = f"{starved} of {all_} channels of {layers[0]!r} have less than two bits of eight: the whole "
        what += f"range is {spread:.0f} times as wide as that of the median channel"
        what += f"; so it is for {listed(layers[1:])}" if layers[1:] else ""
        hint = f"{_BETTER}; or train with weight decay, or without a batch norm whose scales differ so much"
        yield Finding("starved channels", tuple(layers), what, hint)


def coarse_logits(observed: Observed) -> Iterator[Finding]:
    """Values that a softmax takes, with steps that change its probabilities by themselves."""
    bad: dict[str, tuple[float, ValueStatistics]] = {}
    for value, found in observed.values():
        low, high = range_by(Rule(), found) or (0.0, 0.0)
        step = (high - low) / _STEPS
        if step > _COARSE and any(isinstance(user.op, ops.Softmax) for user in value.users):
            bad[place(value)] = step, found
    if bad:
        layers = sorted(bad, key=lambda name: -bad[name][0])
        step, found = bad[layers[0]]
        low = max(found.low, found.floor)
        what = f"the values of {layers[0]!r}, of which a softmax is taken, lie in [{low:.4g}, {found.high:.4g}]: "
        what += f"rounding them to eight bits changes a probability by up to {_change(step)}"
        what += f"; so it is for {listed(layers[1:])}" if layers[1:] else ""
        hint = f'leave {layers[0]!r} and its softmax in float by a recipe: scheme = "float32"'
        yield Finding("coarse logits", tuple(layers), what, hint)


def _change(step: float) -> str:
    """By how much half a step of a logit changes a probability."""
    factor = math.exp(min(step / 2, 100))
    return f"{100 * (factor - 1):.0f} %" if factor < 10 else "more than its tenfold"


def outlying_weights(graph: Graph) -> Iterator[Finding]:
    """Weights most of which are small beside the greatest of their channel."""
    bad: dict[str, float] = {}
    for node in graph.nodes:
        for snr in _weight_snrs(node):
            if snr < LEAST_SNR:
                bad[node.origin or node.op.name] = min(bad.get(node.origin or node.op.name, math.inf), snr)
    if bad:
        layers = sorted(bad, key=lambda name: bad[name])
        kept = max(bad[layers[0]], 0)
        what = f"a few weights of {layers[0]!r} are so large that eight bits keep {kept:.0f} dB of all"
        what += f"; so it is for {listed(layers[1:])}" if layers[1:] else ""
        hint = 'store these layers by a recipe with scheme = "float16", or "int4-weights", which has blocks'
        yield Finding("outlying weights", tuple(layers), what, hint)


def rounding_snr(found: ValueStatistics) -> float:
    """dB that eight bits keep of a value by rounding, with the range of least squared error; infinite for constants."""
    range_ = range_by(Rule("mse"), found, DType.I8)
    if range_ is None or range_[1] <= range_[0] or not found.mean_square:
        return math.inf
    kept = found.mean_square - found.mean**2 if found.mean else found.mean_square
    noise = ((range_[1] - range_[0]) / _STEPS) ** 2 / 12
    return 10 * math.log10(max(kept, 1e-300) / noise)


def _weight_snrs(node: Node) -> Iterator[float]:
    """dB that eight bits, with a scale per output channel, keep of the weights of a node."""
    for value in node.inputs[1:2] if 1 in node.op.traits.weights else ():
        weights = value.data
        if weights is not None and weights.dtype.kind == "f" and weights.ndim >= 2 and weights.size:
            yield _snr(_by_channel(node, weights.astype(np.float64)))


def _by_channel(node: Node, weights: Array) -> Array:
    """Weights with the output channels on the last of two axes."""
    if isinstance(node.op, ops.DepthwiseConv):
        return weights.reshape(-1, weights.shape[-2] * weights.shape[-1])
    weights = np.swapaxes(weights, -1, -2) if isinstance(node.op, ops.ConvTranspose) else weights
    return weights.reshape(-1, weights.shape[-1])


def _snr(rows: Array) -> float:
    steps = np.abs(rows).max(axis=0) / 127
    noise = float((steps**2).mean()) / 12
    square = float((rows**2).mean())
    return 10 * math.log10(square / noise) if noise and square else math.inf
