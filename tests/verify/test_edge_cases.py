"""What a comparison of outputs must say on odd arrays: one verdict for each of the classic edge cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.evidence.batches import Batch
from kexport.evidence.reference_file import Recording, Reference
from kexport.ir.contract import Contract, Port
from kexport.ir.types import TensorType
from kexport.proof.agreement import contract_problems
from kexport.verify.compare import compare
from kexport.verify.judge import OutputCheck, judge_batch, overall, tolerances

NAN = np.nan
INF = np.inf
TINY = 1e-42
"""A subnormal number of float32."""
Array = Any


def f32(*values: Any) -> Array:
    return np.array(values, np.float32)


def ports(*arrays: tuple[str, Array]) -> tuple[Port, ...]:
    names = {"float32": "f32", "float16": "f16", "float64": "f64", "int32": "i32", "int64": "i64", "bool": "bool"}
    return tuple(Port(n, TensorType.parse(f"{names[a.dtype.name]}[{','.join(map(str, a.shape))}]")) for n, a in arrays)


def reference(**expected: Array) -> Reference:
    """Keras, the float64 oracle and the float32 graph agree on all of it."""
    oracle = {k: a.astype(np.float64) if a.dtype.kind == "f" else a for k, a in expected.items()}
    recording = Recording(Batch("b", "random", {}, {"x": f32(1)}), expected, oracle, expected)
    return Reference(Contract(ports(("x", f32(1))), ports(*expected.items())), (recording,))


def judge(expected: Array, actual: Array) -> OutputCheck:
    made = reference(y=np.asarray(expected))
    (check,) = judge_batch(made.recordings[0], {"y": np.asarray(actual)}, tolerances(made))
    return check


RAMP = np.arange(24, dtype=np.float32).reshape(2, 3, 4)

ACCEPTED = {
    "NaN in both": (f32(1, NAN, 3), f32(1, NAN, 3)),
    "NaN of another bit pattern": (f32(1, NAN), np.array([0x3F800000, 0xFFC00001], np.uint32).view(np.float32)),
    "equal infinities": (f32(INF, -INF, 1), f32(INF, -INF, 1)),
    "equal integers": (np.arange(5), np.arange(5)),
    "integers beyond float64": (np.array([2**62 + 1]), np.array([2**62 + 1])),
    "equal bools": (np.array([True, False]), np.array([True, False])),
    "all zeros": (np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)),
    "negative zero": (f32(0, 1), f32(-0.0, 1)),
    "subnormal flushed to zero": (f32(TINY, 1), f32(0, 1)),
    "subnormals only, flushed to zero": (f32(TINY, TINY / 2), f32(0, 0)),
    "one number": (np.float32(3), np.float32(3)),
    "largest numbers": (f32(3.4e38, -3.4e38), f32(3.4e38, -3.4e38)),
}
REJECTED = {
    "NaN in the artifact": (f32(1, 2, 3), f32(1, NAN, 3), "1 elements are NaN or infinite on one side only"),
    "NaN in the reference": (f32(1, NAN, 3), f32(1, 2, 3), "1 elements are NaN or infinite on one side only"),
    "NaN elsewhere": (f32(1, NAN, 3), f32(NAN, 1, 3), "2 elements are NaN or infinite on one side only"),
    "NaN for infinity": (f32(1, INF), f32(1, NAN), "1 elements are NaN or infinite on one side only"),
    "opposite infinities": (f32(INF, 1), f32(-INF, 1), "1 elements are NaN or infinite on one side only"),
    "infinity for the largest number": (f32(3.4e38, 1), f32(INF, 1), "1 elements are NaN or infinite on one side only"),
    "only NaN": (f32(1, 2), f32(NAN, NAN), "2 elements are NaN or infinite on one side only"),
    "one integer": (np.arange(5), np.array([0, 1, 2, 3, 5]), "1 of 5 elements differ"),
    "integer beyond float64": (np.array([2**62]), np.array([2**62 + 1]), "1 of 1 elements differ"),
    "one bool": (np.array([True, False]), np.array([True, True]), "1 of 2 elements differ"),
    "bool as integer": (np.array([True]), np.array([1], np.int32), "element type int32 instead of bool"),
    "another width of float": (f32(1, 2), np.array([1.0, 2.0]), "element type float64 instead of float32"),
    "half precision": (f32(1, 2), f32(1, 2).astype(np.float16), "element type float16 instead of float32"),
    "another width of integer": (np.array([1], np.int32), np.array([1]), "element type int64 instead of int32"),
    "float for integer": (np.array([1, 2]), f32(1, 2), "element type float32 instead of int64"),
    "axes in another order": (RAMP, RAMP.transpose(2, 0, 1), "it matches after transposing (1, 2, 0)"),
    "flattened": (RAMP, RAMP.reshape(-1), "shape [24] instead of [2, 3, 4]"),
    "same elements, other shape": (RAMP, RAMP.reshape(4, 3, 2), "shape [4, 3, 2] instead of [2, 3, 4]"),
    "an axis of one more": (f32(1, 2), f32([1, 2]), "shape [1, 2] instead of [2]"),
    "one row for all": (f32([1, 2], [1, 2]), f32([1, 2]), "shape [1, 2] instead of [2, 2]"),
    "square axes swapped": (RAMP[:, :2, :2], RAMP[:, :2, :2].transpose(0, 2, 1), "after transposing (0, 2, 1)"),
    "nothing for something": (f32(1, 2), f32(), "shape [0] instead of [2]"),
    "something for nothing": (np.zeros((0, 3), np.float32), np.zeros((1, 3), np.float32), "shape [1, 3]"),
    "not all zeros": (np.zeros(3, np.float32), f32(0, 1e-6, 0), "times the tolerance"),
    "all zeros for something": (f32(1, 2, 3), np.zeros(3, np.float32), "times the tolerance"),
    "constant": (f32(1, 2, 3), f32(2, 2, 2), "times the tolerance"),
    "a small difference of large numbers": (f32(1e30, 1), f32(1.001e30, 1), "times the tolerance"),
    "text": (f32(1), np.array(["1"]), "element type str"),
}
NO_EVIDENCE = {
    "empty": (np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32), "no elements"),
    "no integers": (np.zeros((0,), np.int32), np.zeros((0,), np.int32), "no elements"),
    "NaN only in both": (f32(NAN, NAN), f32(NAN, NAN), "no finite elements"),
    "infinities only": (f32(INF, -INF), f32(INF, -INF), "no finite elements"),
}
"""A batch of size zero, or without a finite number, proves nothing, and alone it fails the artifact."""


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    check = judge(*ACCEPTED[name])
    assert check.passed is True, check.reason


@pytest.mark.parametrize("name", REJECTED)
def test_rejected(name: str) -> None:
    expected, actual, reason = REJECTED[name]
    check = judge(expected, actual)
    assert check.passed is False
    assert reason in check.reason


@pytest.mark.parametrize("name", NO_EVIDENCE)
def test_no_evidence_is_no_success(name: str) -> None:
    expected, actual, reason = NO_EVIDENCE[name]
    check = judge(expected, actual)
    assert check.passed is None
    assert check.reason == reason
    passed, why = overall([check], reference(y=np.asarray(expected)).contract)
    assert not passed
    assert why == f"output 'y' was judged on no batch: {reason}"


def test_a_missing_output_is_named() -> None:
    made = reference(y=f32(1, 2), z=f32(3))
    checks = judge_batch(made.recordings[0], {"y": f32(1, 2)}, tolerances(made))
    assert [c.passed for c in checks] == [True, False]
    assert checks[1].reason == "missing; the artifact gave y"
    assert overall(checks, made.contract)[0] is False


def test_one_more_output_breaks_the_contract() -> None:
    made = reference(y=f32(1, 2)).contract
    more = Contract(made.inputs, (*made.outputs, *ports(("z", f32(3)))))
    assert contract_problems(made, more) == ["the outputs are y, z instead of y"]
    assert contract_problems(more, made) == ["the outputs are y instead of y, z"]
    turned = Contract(made.inputs, more.outputs[::-1])
    assert contract_problems(more, turned) == ["the outputs are z, y in another order instead of y, z"]


def test_outputs_under_each_others_names_are_recognized() -> None:
    made = reference(y=f32(1, 2), z=f32(3, 5))
    checks = judge_batch(made.recordings[0], {"y": f32(3, 5), "z": f32(1, 2)}, tolerances(made))
    assert [c.passed for c in checks] == [False, False]
    assert "it holds what output 'z' should" in checks[0].reason


def test_quantiles_tell_one_outlier_from_an_error_everywhere() -> None:
    rng = np.random.default_rng(3)
    expected = rng.standard_normal(10_000).astype(np.float32)
    outlier = expected.copy()
    everywhere = expected + np.float32(0.5)
    outlier[17] += 1
    one = compare(expected, outlier)
    all_ = compare(expected, everywhere)
    assert one.quantiles == {"0.5": 0, "0.9": 0, "0.99": 0, "0.999": 0}
    assert (one.worst, one.max_abs) == ((17,), pytest.approx(1, rel=1e-3))
    assert all_.quantiles["0.5"] == pytest.approx(0.5, rel=1e-3)
    assert not judge(expected, outlier).passed, "the largest error decides, not a quantile"
