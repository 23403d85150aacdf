"""What an op states of itself is true of its results, in every case that the ops have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.ir.op import OPS, Array, arity
from kexport.ir.traits import REALS, Growth, Interval, Keeps, Text, Work
from kexport.ir.types import DType
from kexport.ops.binary import Binary
from tests.ops.case import Case
from tests.ops.cases import CASES, TEXT
from tests.ops.test_cases import results

PLAIN = [c for c in (*CASES, *TEXT) if not isinstance(c.op, ops.If | ops.While | ops.Scan)]
BOUNDED = [c for c in PLAIN if c.op.facts().range != REALS]
KEEPING = [c for c in CASES if c.op.facts().keeps is not Keeps.NOTHING]
COPYING = [c for c in CASES if c.op.facts().work in (Work.MOVES, Work.PICKS)]
UNARY = [c for c in CASES if len(c.operands) == 1]
BINARY = [c for c in CASES if isinstance(c.op, Binary)]


def data(case: Case, arrays: tuple[Array, ...]) -> list[Array]:
    which = case.op.facts().data
    return [a for i, a in enumerate(arrays) if which is None or i in which]


def numbers(arrays: Any) -> Array:
    """All elements that are numbers, as one array."""
    flat = [np.asarray(a).reshape(-1).astype(np.float64) for a in arrays if np.asarray(a).dtype.kind in "fiub"]
    found = np.concatenate(flat) if flat else np.zeros(0)
    return found[~np.isnan(found)]


@pytest.mark.parametrize("case", BOUNDED, ids=lambda c: c.id)
def test_results_lie_in_the_range(case: Case) -> None:
    found = numbers(results(case, DType.F32))
    low, high = case.op.facts().range
    assert (found >= low - 1e-6).all()
    assert (found <= high + 1e-6).all()


@pytest.mark.parametrize("case", KEEPING, ids=lambda c: c.id)
def test_results_keep_what_they_are_said_to_keep(case: Case) -> None:
    facts = case.bound().facts()
    op = case.bound()
    arrays = case.arrays()
    which = range(len(arrays)) if facts.data is None else facts.data
    bare = tuple(np.abs(a) if i in which and a.dtype.kind in "fi" else a for i, a in enumerate(arrays))
    for operands in (arrays, bare):
        found = op.evaluate(*operands)
        source = numbers(data(case, operands))
        result = numbers(
            found[:1]
            if isinstance(found, tuple) and isinstance(op, ops.TopK)
            else [found]
            if not isinstance(found, tuple)
            else found
        )
        bounds = [b for b in (*facts.range, facts.fill) if b is not None and np.isfinite(b)]
        if source.size and (source >= 0).all() and all(b >= 0 for b in bounds):
            assert (result >= 0).all()
        if facts.keeps >= Keeps.RANGE and source.size and result.size:
            slack = 1.0 if facts.work is Work.EXACT else 1e-3
            assert result.min() >= min([source.min(), *bounds]) - slack
            assert result.max() <= max([source.max(), *bounds]) + slack


@pytest.mark.parametrize("case", COPYING, ids=lambda c: c.id)
def test_copies_are_elements_of_the_operands(case: Case) -> None:
    facts = case.bound().facts()
    arrays = case.arrays()
    found = case.bound().evaluate(*arrays)
    extra = [np.asarray([b], np.float32) for b in (*facts.range, facts.fill) if b is not None]
    known = numbers([*data(case, arrays), *extra])
    assert np.isin(numbers(found if isinstance(found, tuple) else [found]), known).all()


@pytest.mark.parametrize("case", UNARY, ids=lambda c: c.id)
def test_identities_of_one_operand(case: Case) -> None:
    algebra = case.op.traits.algebra
    (x,) = case.arrays()
    if algebra.idempotent:
        once = case.op.evaluate(x)
        np.testing.assert_array_equal(case.op.evaluate(once), once)  # type: ignore[arg-type]
    if algebra.involution:
        np.testing.assert_array_equal(case.op.evaluate(case.op.evaluate(x)), x)  # type: ignore[arg-type]
    if algebra.even:
        np.testing.assert_array_equal(case.op.evaluate(np.negative(x)), case.op.evaluate(x))


@pytest.mark.parametrize("case", BINARY, ids=lambda c: c.id)
def test_identities_of_two_operands(case: Case) -> None:
    algebra = case.op.traits.algebra
    a, b = case.arrays()
    if algebra.commutative:
        np.testing.assert_array_equal(case.op.evaluate(a, b), case.op.evaluate(b, a))
    if algebra.mirrored:
        mirror = next(c.op for c in BINARY if c.op.name == algebra.mirrored)
        np.testing.assert_array_equal(case.op.evaluate(a, b), mirror.evaluate(b, a))
    if algebra.idempotent:
        np.testing.assert_array_equal(case.op.evaluate(a, a), a)
    fits = a.dtype.kind == "f" or all(n is None or np.isfinite(n) for n in (algebra.neutral, algebra.absorbing))
    if algebra.neutral is not None and fits:
        np.testing.assert_array_equal(case.op.evaluate(a, np.asarray(algebra.neutral, a.dtype)), a)
    if algebra.absorbing is not None and fits:
        absorbed = case.op.evaluate(a, np.asarray(algebra.absorbing, a.dtype))
        assert (absorbed == np.asarray(algebra.absorbing, a.dtype)).all()  # type: ignore[union-attr]


@pytest.mark.parametrize("case", [c for c in CASES if c.op.facts().growth is Growth.NONE], ids=lambda c: c.id)
def test_results_that_do_not_grow_fit_the_type_of_integer_operands(case: Case) -> None:
    arrays = case.arrays()
    if isinstance(case.op, ops.If | ops.While | ops.Scan) or not data(case, arrays):
        return
    found = results(case, DType.F32)[0]
    source = data(case, arrays)[0]
    if found.dtype != source.dtype or found.dtype.kind not in "iu":
        return
    wide = case.bound().evaluate(*(a.astype(np.int64) if a.dtype.kind in "iu" else a for a in arrays))
    np.testing.assert_array_equal(found, wide[0] if isinstance(wide, tuple) else wide)


@pytest.mark.parametrize("case", TEXT, ids=lambda c: c.id)
def test_ops_with_text_say_so(case: Case) -> None:
    assert case.op.facts().text is not Text.NEVER


def test_attributes_decide() -> None:
    facts = {
        ops.Clip(-1.0, None): Interval(-1.0),
        ops.Dense("sigmoid"): Interval(0.0, 1.0),
        ops.Dense(): REALS,
        ops.Full((2,), 3.0, DType.F32): Interval(3.0, 3.0),
        ops.Full((2,), float("nan"), DType.F32): REALS,
        ops.Iota(4, DType.I32, 1, -2): Interval(-5.0, 1.0),
        ops.Iota(4, DType.I32, 1, 0): Interval(1.0, 1.0),
        ops.Elu(2.0): Interval(-2.0),
    }
    assert {op: op.facts().range for op in facts} == facts
    assert ops.Pad(((0, 1),), value=2.0).facts().fill == 2.0
    assert ops.Pad(((0, 1),), "edge").facts().fill is None
    assert ops.Resize((2, 2)).facts().keeps_scale
    assert not ops.Resize((2, 2), "bicubic").facts().keeps_scale
    assert ops.ScatterNd().facts().text is Text.ALSO
    assert ops.ScatterNd("add").facts().text is Text.NEVER


def test_named_operands_exist_and_weights_are_data() -> None:
    for op in OPS.values():
        data = op.traits.data
        weights = op.traits.weights
        low, most = arity(op)
        assert all(i < most for i in (*(data or ()), *weights)), op
        assert all(i < low for i in weights), op
        assert data is None or set(weights) <= set(data), op
