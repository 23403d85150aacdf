"""Derives how far an artifact's outputs may lie from Keras': from measured float32 noise, never from a guess.

Three results are known for every output of every batch: Keras' own, and those of the captured graph computed in float64
(the oracle) and in float32 (eval32). Two distances follow, both as the largest absolute difference:

    conditioning noise = |eval32 - oracle|   what float32 rounding does to this model on these inputs
    reference noise    = |keras  - oracle|   the same for the recorded run, if capture is right

The capture check asks that the reference noise is explained by the conditioning noise. Where it holds, the artifact
may be `FACTOR` times the larger noise, plus a few ulps, away from Keras. A failing capture check never widens anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport.errors import ConfigError
from kexport.evidence.plain import plain, special
from kexport.ir.op import Array
from kexport.names import suggest
from kexport.verify.compare import is_discrete, kinds, magnitude

CAPTURE_FACTOR = 12.0
"""Measured on 37 models with TensorFlow, JAX and PyTorch on a CPU against float64: the largest error of one backend,
pooled over batches, was at most 6.2 times that of another (median 1). Doubled, for libraries that were not there."""
EXTREME_SLACK = 1e-4
"""Added to the capture check on the extreme batch, relative to magnitude: it asks for the right branch and no overflow,
and two correct formulas (softmax with and without logsumexp) may differ more there than rounding of either explains."""
FACTOR = 8.0
"""On the same models the distance of a third backend from one of two others was at most 4.2 times the larger error of
those two (median 0.7, 99 % below 2.3). Doubled as well. Since noise is the largest of several runs with random
rounding, `python -m tests.noise` finds right artifacts at 0.53 of their tolerances at most, and Keras at 0.12 of what
the capture check allows: 938 models and seeds, three engines."""
ULPS = 16.0
"""Units in the last place, relative to the output's magnitude, that are always allowed: small outputs can show no noise
by luck, and engines' exp, tanh and erf are off by a few units each."""
EXTRA_ULPS = 8.0
"""The same for the coarser type of a reduced-precision artifact."""
CAPS = {"f32": 0.02, "f16": 0.1, "bf16": 0.25, "u16": 0.02}
"""The largest tolerance, relative to magnitude, that still judges anything, by the coarsest type computed in. A batch
that needs more is ill-conditioned: it counts as no evidence, rather than as success."""
EPSILONS = {
    "f64": float(np.finfo(np.float32).eps),
    "f32": float(np.finfo(np.float32).eps),
    "f16": float(np.finfo(np.float16).eps),
    "bf16": 2.0**-7,
    "u16": 2.0**-15,
}
"""The unit in the last place of 1.0, by element type; few runtimes have more than float32 to offer for f64."""
PRECISIONS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "uint16": "u16", "uint8": "bf16"}
"""Precisions an artifact may declare -> the coarsest type its weights or arithmetic use, or one that is as coarse."""
LEAST_MAGNITUDE = 1e-3
"""A batch on which an output is (almost) zero counts as having this part of the output's magnitude elsewhere."""
UNSETTLED_LIMIT = 0.5
"""The part of an output's elements that may be unsettled before a batch says nothing."""
MISMATCH_CAP = 0.01
"""The largest part of a bool or integer output that may differ."""


@dataclass(frozen=True)
class Noise:
    """What one output of one batch tells about rounding. Distances are absolute; fractions for discrete outputs."""

    output: str
    batch: str
    extreme: bool
    discrete: bool
    epsilon: float
    magnitude: float
    conditioning: float
    reference: float
    elements: int
    unsettled: int
    """Elements on which the references disagree in kind (NaN, infinite, finite) or, if discrete, in value."""
    lost: int
    """Elements that Keras computes and the captured graph, in float32, does not."""
    gained: int
    """Elements that the captured graph computes, in float32 and in float64, and Keras does not."""


@dataclass(frozen=True)
class Tolerance:
    """What is allowed for one output of one batch, and why."""

    output: str
    batch: str
    atol: float
    """Allowed absolute error; for discrete outputs the allowed part of elements that differ."""
    conditioning: float
    reference: float
    magnitude: float
    precision_budget: float = 0.0
    runtime_budget: float = 0.0
    overridden: bool = False
    judges: bool = True
    """False if the batch is too ill-conditioned, or too small, to be evidence."""
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return plain(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Tolerance:
        """The inverse of `to_json`."""
        texts = {k: data[k] for k in ("output", "batch", "reason")}
        return Tolerance(**{k: special(v) for k, v in data.items()} | texts)


def coarser(one: str, other: str) -> str:
    """Of two precisions the one that keeps fewer digits."""
    return max(one, other, key=lambda p: EPSILONS[PRECISIONS[p]])


def unsettled(keras: Array, oracle: Array, eval32: Array, doubtful: Array | None = None) -> Array:
    """True where the references do not agree on what to expect: the kind of a float, the value of anything else; and
    where it is `doubtful` anyway.
    """
    if is_discrete(keras):
        return np.asarray((keras != eval32) | (keras != oracle), bool)
    found = kinds(keras) != kinds(eval32)
    return found if doubtful is None else found | doubtful


def measure(
    output: str,
    batch: str,
    keras: Array,
    oracle: Array,
    eval32: Array,
    *,
    dtype: str = "f32",
    extreme: bool = False,
    doubtful: Array | None = None,
) -> Noise:
    """The noise of one output of one batch; the arrays have one shape, `dtype` is the output's."""
    discrete = is_discrete(keras)
    open_ = unsettled(keras, oracle, eval32, doubtful)
    common = {"elements": keras.size, "unsettled": int(open_.sum())}
    if discrete:
        size = max(keras.size, 1)
        conditioning, reference = (float((a != oracle).sum()) / size for a in (eval32, keras))
        return Noise(output, batch, extreme, True, 0.0, 1.0, conditioning, reference, **common, lost=0, gained=0)
    sure = np.ones(keras.shape, bool) if doubtful is None else ~doubtful
    k, o, e = (np.isfinite(a) & sure for a in (keras, oracle, eval32))
    settled = k & o & e
    return Noise(
        output,
        batch,
        extreme,
        False,
        EPSILONS.get(dtype, EPSILONS["f32"]),
        magnitude(oracle[settled]),
        _distance(eval32, oracle, settled),
        _distance(keras, oracle, settled),
        **common,
        lost=int((k & ~e).sum()),
        gained=int((o & e & ~k).sum()),
    )


def capture_problem(noises: Sequence[Noise], override: float | None = None) -> str | None:
    """Why the captured graph is not the Keras model, as far as one output's noises show; None if it may be."""
    pool = _pool([n.conditioning for n in noises], noises, CAPS["bf16"] / CAPTURE_FACTOR)
    for noise in noises:
        if noise.lost:
            return f"{_place(noise)}: {noise.lost} elements are finite in Keras and not in the captured graph"
        if noise.gained and not noise.extreme:
            return f"{_place(noise)}: {noise.gained} elements are not finite in Keras and are in the captured graph"
        limit = _capture_limit(noise, pool) if override is None else override
        if noise.reference > limit:
            return f"{_place(noise)}: {_excess(noise, limit)}"
    return None


def capture_excess(noises: Sequence[Noise]) -> float:
    """The largest distance of Keras from the captured graph on one output, in units of what is allowed."""
    pool = _pool([n.conditioning for n in noises], noises, CAPS["bf16"] / CAPTURE_FACTOR)
    pairs = [(n.reference, _capture_limit(n, pool)) for n in noises]
    return max((r / limit if limit else math.inf for r, limit in pairs if r), default=0.0)


def derive(
    noises: Sequence[Noise],
    *,
    precision: str = "float32",
    compute: str = "f32",
    runtime_budget: float = 0.0,
    override: float | None = None,
) -> list[Tolerance]:
    """The tolerance of one output for each of its batches.

    Args:
        noises: of this output, one per batch. The relative noise of well-conditioned batches is pooled.
        precision: what the artifact declares, a key of `PRECISIONS`.
        compute: the coarsest float type in the model itself.
        runtime_budget: extra error of the engine, relative to magnitude.
        override: the user's own absolute tolerance.

    Raises:
        ConfigError: an unknown precision, or an override that is not a number at least 0.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"there is no precision {precision!r}", hint=suggest(precision, PRECISIONS, "precisions"))
    if override is not None and not (math.isfinite(override) and override >= 0):
        raise ConfigError(f"a tolerance must be a number not below 0, got {override}")
    coarse = PRECISIONS[precision]
    cap = max(CAPS.get(compute, CAPS["f32"]), CAPS[coarse])
    pool = _pool([max(n.conditioning, n.reference) for n in noises], noises, cap / FACTOR)
    least = LEAST_MAGNITUDE * max((n.magnitude for n in noises if not n.extreme), default=0.0)
    return [_tolerance(n, max(n.magnitude, least), pool, coarse, cap, runtime_budget, override) for n in noises]


def _tolerance(
    noise: Noise, size: float, pool: float, coarse: str, cap: float, runtime_budget: float, override: float | None
) -> Tolerance:
    head = (noise.output, noise.batch)
    facts: dict[str, Any] = {
        "conditioning": noise.conditioning,
        "reference": noise.reference,
        "magnitude": noise.magnitude,
    }
    evidence = _evidence(noise)
    if override is not None:
        why = evidence or "set by the user"
        return Tolerance(*head, override, **facts, overridden=True, judges=not evidence, reason=why)
    if noise.discrete:
        share = min(FACTOR * max(noise.conditioning, noise.reference), MISMATCH_CAP)
        return Tolerance(*head, share, **facts, judges=not evidence, reason=evidence or "share of unsettled elements")
    worst = max(noise.conditioning, noise.reference, pool * size)
    epsilon = EPSILONS[coarse]
    budget = 0.0 if coarse == "f32" else worst * epsilon / EPSILONS["f32"] + EXTRA_ULPS * epsilon * size
    runtime = runtime_budget * size
    floor = max(ULPS * noise.epsilon * size, float(np.finfo(np.float32).tiny))
    atol = FACTOR * worst + floor + budget + runtime
    if not evidence and atol > cap * size + runtime + floor:
        evidence = f"ill-conditioned: rounding alone moves values of magnitude {size:.2g} by {worst:.2g}"
    reason = f"{FACTOR:g} x noise {worst:.2g} + {ULPS:g} ulps {floor:.2g}"
    for name, part in (("precision", budget), ("runtime", runtime)):
        reason += f" + {name} {part:.2g}" if part else ""
    return Tolerance(
        *head,
        atol,
        **facts,
        precision_budget=budget,
        runtime_budget=runtime,
        judges=not evidence,
        reason=evidence or reason,
    )


def _evidence(noise: Noise) -> str:
    """Why this batch proves nothing about the output; empty if it does."""
    if not noise.elements:
        return "no elements"
    if noise.unsettled > UNSETTLED_LIMIT * noise.elements:
        return f"{noise.unsettled} of {noise.elements} elements are not settled in the reference itself"
    return ""


def _pool(values: Sequence[float], noises: Sequence[Noise], limit: float) -> float:
    """The largest relative noise among batches that are not extreme and well-conditioned."""
    pairs = [(v, n.magnitude) for v, n in zip(values, noises, strict=True) if not (n.extreme or n.discrete)]
    return max((v / m for v, m in pairs if m and v <= limit * m), default=0.0)


def _capture_limit(noise: Noise, pool: float) -> float:
    if noise.discrete:
        return max(CAPTURE_FACTOR * noise.conditioning, MISMATCH_CAP)
    worst = max(noise.conditioning, pool * noise.magnitude)
    slack = EXTREME_SLACK * noise.extreme + ULPS * noise.epsilon
    return CAPTURE_FACTOR * worst + slack * noise.magnitude


def _excess(noise: Noise, limit: float) -> str:
    if noise.discrete:
        return f"{noise.reference:.1%} of the elements differ from the captured graph"
    return f"Keras is {noise.reference:.2g} from the captured graph in float64, float32 noise explains {limit:.2g}"


def _place(noise: Noise) -> str:
    return f"output {noise.output!r}, batch {noise.batch!r}"


def _distance(a: Array, b: Array, where: Array) -> float:
    x = a[where].astype(np.float64)
    y = b[where].astype(np.float64)
    return float(np.max(np.abs(x - y), initial=0.0))
