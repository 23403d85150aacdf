"""Compares an array with the expected one: pure functions, no judgement (see `judge`)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kexport.errors import GraphError
from kexport.evidence.plain import plain, special
from kexport.ir.op import Array
from kexport.ir.types import DType

QUANTILES = (0.5, 0.9, 0.99, 0.999)
"""The reported quantiles of the absolute error."""
PERMUTATION_RTOL = 1e-3
"""The largest distance, relative to the range, at which a transposition is named as the likely mistake."""


@dataclass(frozen=True)
class Metrics:
    """How one array differs from the expected one. Errors are taken over the positions finite in both."""

    expected_shape: tuple[int, ...]
    actual_shape: tuple[int, ...]
    expected_dtype: str
    actual_dtype: str
    elements: int = 0
    """Positions compared; 0 if the shapes differ or everything was excluded."""
    excluded: int = 0
    """Positions left out because the reference itself is not settled there."""
    finite: int = 0
    """Compared positions that are finite in both."""
    nonfinite_mismatches: int = 0
    """Compared positions where one is NaN, +inf or -inf and the other is not the same."""
    mismatches: int = 0
    """Compared positions that are not exactly equal; decisive for bool, integer and string outputs."""
    max_abs: float = 0.0
    max_relative: float = 0.0
    """`max_abs` over the range (max - min) of the expected values; over their magnitude if they are all equal."""
    rms: float = 0.0
    snr_db: float = math.inf
    cosine: float = 1.0
    quantiles: Mapping[str, float] = field(default_factory=dict[str, float])
    argmax_judged: int = 0
    """Rows whose two largest expected values differ by more than the margin."""
    argmax_agreement: float | None = None
    """The fraction of judged rows with the same largest element; None if no row was judged."""
    worst: tuple[int, ...] | None = None
    """The index of `max_abs`."""
    permutation: tuple[int, ...] | None = None
    """A transposition of the actual array that matches, if there is one."""

    @property
    def is_vacuous(self) -> bool:
        """Whether no compared position could have shown a fault."""
        return self.finite == 0

    @property
    def same_shape(self) -> bool:
        return self.expected_shape == self.actual_shape

    @property
    def same_dtype(self) -> bool:
        return self.expected_dtype == self.actual_dtype

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return plain(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Metrics:
        """The inverse of `to_json`."""
        quantiles = {k: special(v) for k, v in data["quantiles"].items()}
        dtypes = {k: data[k] for k in ("expected_dtype", "actual_dtype")}
        values: dict[str, Any] = {k: special(v) for k, v in data.items()}
        values |= {"quantiles": quantiles, **dtypes}
        return Metrics(**values)


def compare(
    expected: Array, actual: Array, *, exclude: Array | None = None, oracle: Array | None = None, margin: float = 0.0
) -> Metrics:
    """Measure `actual` against `expected`; different shapes and element types are reported, not raised.

    Args:
        exclude: mask of elements whose expected value is not settled.
        oracle: the array that decides which rows have a clear largest element; `expected` if not given.
        margin: how far apart the two largest elements of a row must lie for its argmax to be judged.
    """
    expected = np.asarray(expected)
    actual = np.asarray(actual)
    head = (expected.shape, actual.shape, expected.dtype.name, actual.dtype.name)
    if expected.shape != actual.shape:
        return Metrics(*head, permutation=find_permutation(expected, actual))
    keep = np.ones(expected.shape, bool) if exclude is None else ~exclude
    counts = {"elements": int(keep.sum()), "excluded": int((~keep).sum())}
    if not (is_numeric(expected) and is_numeric(actual)):
        return Metrics(*head, **counts, **_text_errors(expected, actual, keep))
    a = _reals(expected)
    b = _reals(actual)
    keep_reals = keep if a.shape == keep.shape else np.broadcast_to(keep[..., None], a.shape)
    fields: dict[str, Any] = (
        counts | _errors(a, b, keep_reals) | {"mismatches": int(_unequal(expected, actual)[keep].sum())}
    )
    if is_float(expected) and is_float(actual):
        fields |= _argmax(a, b, _reals(expected if oracle is None else np.asarray(oracle)), keep, margin)
    return Metrics(*head, **fields)


def is_float(array: Array) -> bool:
    """Whether an array holds real floats of any width, bfloat16 included."""
    try:
        return DType.of(array.dtype).is_float
    except GraphError:
        return bool(np.issubdtype(array.dtype, np.floating))


def is_discrete(array: Array) -> bool:
    """Whether an array must match exactly: bools, integers and strings."""
    return not is_float(array) and not np.issubdtype(array.dtype, np.complexfloating)


def is_numeric(array: Array) -> bool:
    """Return whether differences of elements are meaningful."""
    return array.dtype.kind not in "OSUMm"


def kinds(array: Array) -> Array:
    """Classify elements: 0 finite, 1 +inf, -1 -inf, 2 NaN."""
    if not is_float(array):
        return np.zeros(array.shape, np.int8)
    with np.errstate(invalid="ignore"):
        infinite = np.where(np.isinf(array), np.sign(array.astype(np.float64)), 0)
    return np.where(np.isnan(array), 2, np.nan_to_num(infinite)).astype(np.int8)


def magnitude(array: Array) -> float:
    """Return the largest absolute finite value; 0 for none."""
    values = _reals(array)
    values = values[np.isfinite(values)]
    return float(np.max(np.abs(values), initial=0.0))


def value_range(array: Array) -> float:
    """Return max - min of the finite values; their magnitude if all are equal; 1 if all are zero or there are none."""
    values = _reals(array)
    values = values[np.isfinite(values)]
    if not values.size:
        return 1.0
    return float(values.max() - values.min()) or float(np.abs(values).max()) or 1.0


def find_permutation(expected: Array, actual: Array) -> tuple[int, ...] | None:
    """Find an order of axes in which `actual` matches `expected`, other than the given one; None if there is none."""
    if not 2 <= expected.ndim <= 5 or actual.ndim != expected.ndim or not expected.size:
        return None
    if not (is_numeric(expected) and is_numeric(actual)):
        return None
    a = _reals(expected)
    b = _reals(actual)
    if a.ndim != expected.ndim or (a == a.flat[0]).all():
        return None
    limit = PERMUTATION_RTOL * value_range(a)
    for perm in itertools.permutations(range(b.ndim)):
        turned = b.transpose(perm)
        if perm != tuple(range(b.ndim)) and turned.shape == a.shape and np.allclose(a, turned, 0, limit, True):
            return perm
    return None


def top_margin(array: Array) -> Array:
    """Per row of the last axis: the largest value minus the second largest; NaN rows have margin NaN."""
    top = np.partition(_reals(array), -2, axis=-1)
    with np.errstate(invalid="ignore"):
        return top[..., -1] - top[..., -2]


def _reals(array: Array) -> Array:
    """The array in float64; complex numbers as pairs on a new last axis."""
    if np.issubdtype(array.dtype, np.complexfloating):
        return np.stack([array.real, array.imag], -1).astype(np.float64)
    return array.astype(np.float64)


def _unequal(a: Array, b: Array) -> Array:
    with np.errstate(invalid="ignore"):
        unequal = np.asarray(a != b, bool)
    return unequal & ~(np.isnan(a) & np.isnan(b)) if is_float(a) and is_float(b) else unequal


def _text_errors(expected: Array, actual: Array, keep: Array) -> dict[str, Any]:
    wrong = int(np.asarray(expected != actual, bool)[keep].sum())
    worst = math.inf if wrong else 0.0
    return {"finite": int(keep.sum()), "mismatches": wrong, "max_abs": worst, "max_relative": worst}


def _errors(a: Array, b: Array, keep: Array) -> dict[str, Any]:
    """Compute the metrics that follow from the difference of two float64 arrays of one shape."""
    finite = keep & np.isfinite(a) & np.isfinite(b)
    counts = {"finite": int(finite.sum()), "nonfinite_mismatches": int((kinds(a) != kinds(b))[keep].sum())}
    if not counts["finite"]:
        return counts
    error = np.abs(np.where(finite, a, 0) - np.where(finite, b, 0))
    worst = np.unravel_index(int(np.argmax(error)), error.shape)
    values = error[finite]
    x = a[finite]
    y = b[finite]
    max_abs = float(error[worst])
    return counts | {
        "max_abs": max_abs,
        "max_relative": max_abs / value_range(x),
        "rms": _rms(values),
        "snr_db": _decibel(_rms(x), _rms(values)),
        "cosine": _cosine(x, y),
        "quantiles": {f"{q:g}": float(v) for q, v in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)},
        "worst": tuple(int(i) for i in worst),
    }


def _rms(values: Array) -> float:
    scale = float(np.max(np.abs(values), initial=0.0))
    return scale * math.sqrt(float(np.mean(np.square(values / scale)))) if scale else 0.0


def _decibel(signal: float, noise: float) -> float:
    if not noise:
        return math.inf
    return 20 * (math.log10(signal) - math.log10(noise)) if signal else -math.inf


def _cosine(x: Array, y: Array) -> float:
    sx, sy = (float(np.max(np.abs(v), initial=0.0)) for v in (x, y))
    if not sx or not sy:
        return float(sx == sy)
    x = x / sx
    y = y / sy
    return float(np.clip(np.dot(x, y) / math.sqrt(np.dot(x, x) * np.dot(y, y)), -1, 1))


def _argmax(a: Array, b: Array, oracle: Array, keep: Array, margin: float) -> dict[str, Any]:
    if a.ndim < 2 or a.shape[-1] < 2 or not a.size or oracle.shape != a.shape:
        return {}
    settled = keep.all(-1) & np.isfinite(a).all(-1)
    judged = settled & (top_margin(oracle) > margin)
    count = int(judged.sum())
    if not count:
        return {}
    agree = (np.argmax(a, -1) == np.argmax(np.nan_to_num(b, nan=-np.inf), -1))[judged]
    return {"argmax_judged": count, "argmax_agreement": float(agree.mean())}
