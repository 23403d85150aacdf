"""Every op: its result is right, of the inferred type, and the same for a symbolic batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.ir.evaluator import evaluate, run_body
from kexport.ir.op import OPS, RegionOp, infer
from kexport.ir.parser import parse_graph
from kexport.ir.text import constant_table, to_text
from kexport.ir.types import DType, TensorType
from kexport.ir.verifier import verify_graph
from tests.ops.case import SIZES, Case
from tests.ops.cases import CASES as NUMBERS
from tests.ops.cases import TEXT
from tests.ops.cases_text import LARGE_HASHES

CASES = (*NUMBERS, *TEXT, *LARGE_HASHES)
RUNS = [(c, d) for c in CASES for d in (DType.F32, DType.F64) if c.has_floats or d is DType.F32]
IDS = [f"{c.id}-{d}" for c, d in RUNS]
HALVES = [c for c in CASES if c.has_floats and any(o.dtype is None for o in c.operands)]
PRECISION = {DType.F32: 4e-6, DType.F64: 1e-13}
"""Largest error allowed, relative to the greatest magnitude of the expected result."""
EPSILON = {DType.F16: 2.0**-10, DType.BF16: 2.0**-7}


def results(case: Case, dtype: DType, sizes: Mapping[str, int] | None = None) -> tuple[Any, ...]:
    """What the op computes."""
    op = case.bound(dtype, sizes)
    arrays = case.arrays(dtype, sizes)
    found = op.evaluate_with(run_body, *arrays) if isinstance(op, RegionOp) else op.evaluate(*arrays)
    return found if isinstance(found, tuple) else (found,)


def assert_close(found: Any, expected: Any, tolerance: float) -> None:
    """Exact for integers and booleans; NaN and infinity at the same places."""
    assert found.shape == expected.shape
    if found.dtype.kind in "iubO":
        np.testing.assert_array_equal(found, expected)
        return
    wide = expected.astype(np.float64)
    finite = np.abs(wide[np.isfinite(wide)])
    scale = finite.max(initial=0.0) or 1.0
    np.testing.assert_allclose(found.astype(np.float64), wide, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize(("case", "dtype"), RUNS, ids=IDS)
def test_result_is_as_expected(case: Case, dtype: DType) -> None:
    expected = case.expected(*case.arrays(dtype))
    expected = expected if isinstance(expected, tuple) else (expected,)
    tolerance = max(PRECISION[dtype], case.tolerance)
    for found, wanted in zip(results(case, dtype), expected, strict=True):
        assert_close(found, np.asarray(wanted), tolerance)


@pytest.mark.parametrize("sizes", [SIZES, {"batch": 3, "length": 8}], ids=["sizes", "other_sizes"])
@pytest.mark.parametrize(("case", "dtype"), RUNS, ids=IDS)
def test_inferred_types_are_those_of_the_result(case: Case, dtype: DType, sizes: dict[str, int]) -> None:
    found = tuple(map(TensorType.of, results(case, dtype, sizes)))
    arrays = case.arrays(dtype, sizes)
    assert infer(case.bound(dtype, sizes), tuple(map(TensorType.of, arrays))) == found
    assert tuple(t.bind(dict(sizes)) for t in case.results(dtype)) == found


@pytest.mark.parametrize("dtype", EPSILON, ids=str)
@pytest.mark.parametrize("case", HALVES, ids=lambda c: c.id)
def test_half_precision_is_kept_and_rounded_once(case: Case, dtype: DType) -> None:
    half = case.arrays(dtype)
    single = [a.astype(np.float32) if a.dtype == dtype.numpy else a for a in half]
    op = case.bound()
    found, wanted = (r if isinstance(r, tuple) else (r,) for r in (op.evaluate(*half), op.evaluate(*single)))
    assert tuple(map(TensorType.of, found)) == infer(op, tuple(map(TensorType.of, half)))
    for a, b in zip(found, wanted, strict=True):
        with np.errstate(over="ignore"):
            rounded = b.astype(a.dtype).astype(np.float64) if a.dtype.kind not in "iub" else b
        assert_close(a.astype(rounded.dtype), rounded, EPSILON[dtype])


def test_every_op_has_a_case() -> None:
    covered = {c.op.name for c in CASES}
    own = {name for name, op in OPS.items() if op.__module__.startswith("kexport.ops.")}
    assert own - covered == {"random_normal", "random_uniform"}  # test_random.py


def test_ids_are_unique() -> None:
    assert [i for i, n in Counter(c.id for c in CASES).items() if n > 1] == []


def test_the_package_exports_every_op() -> None:
    own = {op.__name__ for op in OPS.values() if op.__module__.startswith("kexport.ops.")}
    assert own - set(ops.__all__) == set()
    assert all(hasattr(ops, name) for name in ops.__all__)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_text_reads_back(case: Case) -> None:
    graph = case.graph()
    text = to_text(graph)
    parsed = parse_graph(text, constant_table(graph))
    assert isinstance(case.op, RegionOp) or [n.op for n in parsed.nodes] == [n.op for n in graph.nodes]
    assert to_text(parsed) == text


@pytest.mark.parametrize("case", CASES[::7], ids=lambda c: c.id)
def test_a_case_makes_a_graph(case: Case) -> None:
    found = evaluate(case.graph(), case.inputs())
    verify_graph(case.graph())
    for i, wanted in enumerate(results(case, DType.F32)):
        np.testing.assert_array_equal(found[f"y{i}"], wanted)
