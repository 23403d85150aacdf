"""Facts about an op that hold whatever its operands are: what every pass, check and target would else keep a table of.

Every op class states its own `traits`. Where an attribute decides (the bounds of a clip, the method of a resize), the
class overrides `Op.facts`, which is what callers ask an instance for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple


class Work(Enum):
    """How results come from the elements of operands, and so what rounding does to them."""

    MOVES = "moves"
    """Copies elements to other places, and may put one fixed number beside them."""
    PICKS = "picks"
    """Copies elements that it chooses by comparing them, or a bound in their place."""
    EXACT = "exact"
    """Computes without rounding: whole numbers, truth values, other signs; or hands on what its bodies rounded."""
    ROUNDS = "rounds"
    """Rounds each result once, as far as the terms of one sum count as one."""
    ROUNDS_INSIDE = "rounds inside"
    """Rounds several times one after the other, so that right kernels differ by more than their last place."""


class Keeps(IntEnum):
    """What results have in common with the elements of the data operands; each kind includes those before it."""

    NOTHING = 0
    SIGN = 1
    """No result is negative where no element is (integers that wrap around aside)."""
    RANGE = 2
    """Results lie between the least and the greatest element."""
    VALUES = 3
    """Results are elements, maybe cut to bounds or rounded to whole numbers: an index stays an index."""


class Growth(IntEnum):
    """How far results may lie outside of the range that integer operands have."""

    NONE = 0
    SLIGHT = 1
    """A sum of two, another sign, a number from nowhere: more than a narrow type holds, and not by much."""
    GREAT = 2
    """Products, and sums of many."""


class Text(Enum):
    """Whether an op has a meaning for text."""

    NEVER = "never"
    ALSO = "also"
    """It moves or compares elements of any type."""
    ONLY = "only"
    """It is about text."""


class Interval(NamedTuple):
    """Real numbers from `low` to `high`."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def magnitude(self) -> float:
        """The greatest magnitude in it."""
        return max(abs(self.low), abs(self.high))


REALS = Interval()
"""All numbers: what an op's results lie in where no range is stated."""
POSITIVE = Interval(0.0)
"""Numbers that are not negative."""
UNIT = Interval(0.0, 1.0)
SYMMETRIC = Interval(-1.0, 1.0)


@dataclass(frozen=True)
class Algebra:
    """The identities that a function obeys."""

    commutative: bool = False
    """f(a, b) = f(b, a)."""
    mirrored: str = ""
    """The name of the op g with f(a, b) = g(b, a), where that is another one."""
    neutral: float | None = None
    """The number n with f(x, n) = x."""
    absorbing: float | None = None
    """The number n with f(x, n) = n."""
    idempotent: bool = False
    """f(f(x)) = f(x), or f(x, x) = x."""
    involution: bool = False
    """f(f(x)) = x."""
    even: bool = False
    """f(-x) = f(x)."""


@dataclass(frozen=True)
class Traits:
    """What is true of an op. Only `work` has no default: what is not stated is not so, or not known."""

    work: Work
    keeps: Keeps = Keeps.NOTHING
    data: tuple[int, ...] | None = None
    """The operands that results are made of, where others (indices, conditions, masks) only say how; None: all."""
    weights: tuple[int, ...] = ()
    """The operands that hold a layer's weights where they are constant; biases and parameters of norms are none."""
    range: Interval = REALS
    """Where results lie whatever the operands are."""
    fill: float | None = None
    """A number that may stand beside elements of operands in the results."""
    steps: bool = False
    """Turns rounding of floats into a visible step: positions, whole numbers, comparisons."""
    saturates: bool = False
    """Hides what it is computed from where that is large."""
    compresses: bool = False
    """Brings numbers of any size into half precision without a fixed range (exp overflows in single precision too)."""
    multiplies: bool = False
    """Multiplies or divides elements of its operands, and may add the products up."""
    normalizes: bool = False
    """Divides by what it computes from the operand: a norm, a deviation, a sum."""
    growth: Growth = Growth.NONE
    text: Text = Text.NEVER
    spatial: bool = False
    """Has rows, columns (and depth) between the batch and the channels of its first operand."""
    rowwise: bool = False
    """Leaves all axes but the last alone; a normalization does, if the last axis is its own."""
    algebra: Algebra = Algebra()

    @property
    def is_exact(self) -> bool:
        """Whether nothing is rounded."""
        return self.work not in (Work.ROUNDS, Work.ROUNDS_INSIDE)

    @property
    def keeps_scale(self) -> bool:
        """Whether quantized numbers pass through as they are: results can have the scale of the data operands.

        Several data operands, and a `fill`, have to share that scale.
        """
        return self.work in (Work.MOVES, Work.PICKS)
