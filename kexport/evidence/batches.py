"""Makes the inputs that artifacts are judged on: random, extreme, and the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kexport.errors import ConfigError
from kexport.evidence.ranges import Range, default_range
from kexport.evidence.sizes import SizePlan, Sizes, choose_sizes
from kexport.evidence.words import Words
from kexport.ir.contract import Contract, Port
from kexport.ir.op import Array
from kexport.ir.types import DType

SEEDS = (0, 1, 2)
EXTREMES = (0.0, 100.0, -100.0, 1.0, -1e-3)
"""Values of a float input in the extreme batch: far beyond training data, but within half precision."""
UNIT = Range("uniform", 0.0, 1.0)
TURNS = {(1, "uniform"): Range("normal"), (2, "normal"): UNIT}
"""The distribution of a float input by turn, if it differs from that of its range."""


@dataclass(frozen=True)
class Batch:
    """One set of inputs by name. `kind` is random, extreme or sample."""

    name: str
    kind: str
    sizes: Sizes
    inputs: Mapping[str, Array]
    seed: int | None = None


def make_batches(
    contract: Contract,
    ranges: Mapping[str, Range | Words] | None = None,
    plan: SizePlan | None = None,
    seeds: Sequence[int] = SEEDS,
) -> list[Batch]:
    """Make a random batch per seed, cycling through the plan's sizes, and one of extreme values at the first sizes.

    Distributions differ between batches, as a saturated output shows nothing: the second batch is normal even if the
    range says uniform, and the third lies in [0, 1] if it says normal.

    Raises:
        ConfigError: no seed, or a text input that only the user's samples can fill.
    """
    if not seeds:
        raise ConfigError("no seed was given: at least one random batch is needed")
    plan = plan or choose_sizes(contract)
    count = max(len(seeds), len(plan.choices))
    seeds = [*seeds, *(seeds[-1] + 1 + i for i in range(count - len(seeds)))]
    batches = [
        make_batch(contract, plan.choices[i % len(plan.choices)], seed, ranges, name=f"random-{i}", turn=i)
        for i, seed in enumerate(seeds)
    ]
    first = plan.choices[0]
    return [*batches, make_batch(contract, first, seeds[-1] + 1, ranges, name="extreme", kind="extreme")]


def make_batch(
    contract: Contract,
    sizes: Sizes,
    seed: int,
    ranges: Mapping[str, Range | Words] | None = None,
    *,
    name: str = "random",
    kind: str = "random",
    turn: int = 0,
) -> Batch:
    """Make one batch; equal arguments give equal numbers. `turn` chooses the distribution of floats."""
    inputs: dict[str, Array] = {}
    for i, port in enumerate(contract.bind(sizes).inputs):
        rng = np.random.default_rng([seed, i])
        limits = (ranges or {}).get(port.name) or default_range(port.type, port.name)
        limits = limits.within(sizes) if isinstance(limits, Range) else limits
        inputs[port.name] = _values(port, limits, rng, kind == "extreme", turn)
    return Batch(name, kind, dict(sizes), inputs, seed)


def _values(port: Port, limits: Range | Words, rng: np.random.Generator, extreme: bool, turn: int) -> Array:
    if isinstance(limits, Words):
        return limits.draw(_shape(port), rng, extreme)
    if port.type.dtype is DType.STRING:
        raise ConfigError(
            f"random text for input {port.name!r} would mean nothing", hint="give samples of your own for this model"
        )
    ascending = limits.ascending
    limits = TURNS.get((turn, limits.kind), limits)
    if limits.kind == "mask" and not extreme:
        return _mask(_shape(port), rng, turn).astype(port.type.dtype.numpy)
    values = _extreme(port, limits, rng) if extreme else _random(port, limits, rng)
    return np.sort(values, axis=-1) if ascending and values.ndim else values


def _shape(port: Port) -> tuple[int, ...]:
    return tuple(int(d) for d in port.type.shape)  # type: ignore[arg-type]  all symbols are bound


def _random(port: Port, limits: Range, rng: np.random.Generator) -> Array:
    shape = _shape(port)
    if limits.kind == "integers":
        values = rng.integers(int(limits.low), int(limits.high), shape, endpoint=True)
    elif limits.kind == "uniform":
        values = rng.uniform(limits.low, limits.high, shape)
    else:
        values = rng.standard_normal(shape)
    if limits.mean:
        values = np.asarray(limits.mean) + np.asarray(limits.deviation) * values
    return np.asarray(values).astype(port.type.dtype.numpy)


def _mask(shape: tuple[int, ...], rng: np.random.Generator, turn: int) -> Array:
    """Fill a mask with ones up to a length, full in the first sample; on the second turn with ones anywhere after the
    first element.

    On the third turn all are ones: rows of scores that are masked throughout, as together with a causal mask, are equal
    in float32 and not in float64, so that nothing could be judged by them.
    """
    places = np.arange(shape[-1])
    if turn % 3 == 1:
        return (rng.random(shape) < 0.5) | (places == 0)
    ends = rng.integers(1, max(shape[-1], 1), (*shape[:-1], 1), endpoint=True)
    ends[: len(ends) if turn % 3 == 2 else 1] = shape[-1]
    return places < ends


def _extreme(port: Port, limits: Range, rng: np.random.Generator) -> Array:
    """Pick from `EXTREMES` or the ends of the range; the first of several samples is zero, if that is valid."""
    shape = _shape(port)
    choices = EXTREMES if limits.kind in ("normal", "measured") else (limits.low, limits.high)
    values = np.asarray(rng.choice(np.asarray(choices), shape))
    if values.ndim and values.shape[0] > 1 and limits.low <= 0 <= limits.high:
        values[0] = 0
    return values.astype(port.type.dtype.numpy)
