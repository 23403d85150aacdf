"""Tolerances come from noise: they let rounding pass, and neither faults nor a wrong capture."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kexport.errors import ConfigError, VerifyError
from kexport.evidence.batches import make_batches
from kexport.evidence.reference_file import Recording, Reference, with_recordings
from kexport.verify.judge import judge_batch, overall, tolerances
from kexport.verify.record import capture_problems, noises, record, require_capture, with_oracles
from kexport.verify.tolerance import CAPS, FACTOR, ULPS, Noise, Tolerance, capture_problem, derive, measure, unsettled
from tests import toy

EPS = float(np.finfo(np.float32).eps)
Arrays = dict[str, np.ndarray[Any, Any]]


def noise(**changes: Any) -> Noise:
    base = Noise("y", "random-0", False, False, EPS, 1.0, 1e-6, 1e-6, 100, 0, 0, 0)
    return dataclasses.replace(base, **changes)


def spoiled(reference: Reference, spoil: Callable[[Arrays], Arrays], batch: str | None = None) -> Reference:
    """A reference whose Keras outputs were changed."""
    recordings = [
        dataclasses.replace(r, outputs=spoil(dict(r.outputs))) if batch in (None, r.batch.name) else r
        for r in reference.recordings
    ]
    return with_recordings(reference, recordings)


FAULTS: dict[str, Callable[[Arrays], Arrays]] = {
    "relative 1e-3": lambda o: o | {"probs": o["probs"] * np.float32(1.001)},
    "relative 1e-4": lambda o: o | {"probs": o["probs"] * np.float32(1.0001)},
    "swapped channels": lambda o: o | {"hidden": o["hidden"][:, [1, 0, *range(2, toy.HIDDEN)]]},
    "one element": lambda o: o | {"hidden": o["hidden"] + 1e-4 * (np.arange(toy.HIDDEN) == 3).astype(np.float32)},
    "labels": lambda o: o | {"label": o["label"] + np.int32(1)},
    "nan": lambda o: o | {"hidden": o["hidden"] * np.float32("nan")},
    "dropped": lambda o: o | {"probs": o["probs"] * 0},
}


# --- the whole way, on a real graph


def test_a_right_capture_is_accepted(reference: Reference) -> None:
    assert capture_problems(reference) == []
    require_capture(reference)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_capture_is_refused_and_widens_nothing(reference: Reference, fault: str) -> None:
    wrong = spoiled(reference, FAULTS[fault])
    assert len(capture_problems(wrong)) == 1
    with pytest.raises(VerifyError, match="capture disagrees with Keras"):
        require_capture(wrong)


def test_a_capture_that_is_wrong_at_one_size_only_is_refused(reference: Reference) -> None:
    wrong = spoiled(reference, FAULTS["relative 1e-4"], batch="random-1")
    assert "'random-1'" in capture_problems(wrong)[0]


def test_a_wrong_weight_in_the_graph_is_a_wrong_capture(reference: Reference) -> None:
    params = toy.weights()
    params["b"] = params["b"] + np.float32(1e-3)
    problems = capture_problems(with_oracles(reference, toy.graph(params)))
    assert any("float64" in p for p in problems)


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_an_artifact_are_found(reference: Reference, fault: str) -> None:
    allowed = tolerances(reference)
    checks = [c for r in reference.recordings for c in judge_batch(r, FAULTS[fault](dict(r.outputs)), allowed)]
    passed, reason = overall(checks, reference.contract)
    assert not passed
    assert reason.startswith("output ")


def test_float32_noise_passes(reference: Reference) -> None:
    """Another order of summation, and results rounded through float64."""
    allowed = tolerances(reference)
    for result in ("eval32", "oracle"):
        checks = []
        for r in reference.recordings:
            outputs = {k: v.astype(r.outputs[k].dtype) for k, v in getattr(r, result).items()}
            checks += judge_batch(r, outputs, allowed)
        assert overall(checks, reference.contract)[0]
        assert max(c.metrics.max_abs for c in checks) > 0


def test_tolerances_are_near_the_rounding_of_float32(reference: Reference) -> None:
    for (output, _), t in tolerances(reference).items():
        if output != "label":
            assert ULPS * EPS * t.magnitude <= t.atol < 1e-5 * t.magnitude


def test_no_oracle_no_tolerance(reference: Reference) -> None:
    bare = with_recordings(reference, [Recording(r.batch, r.outputs) for r in reference.recordings])
    with pytest.raises(VerifyError, match="no float64 oracle"):
        tolerances(bare)


def test_other_shapes_than_keras_are_a_wrong_capture() -> None:
    def flat(arrays: Any) -> list[np.ndarray[Any, Any]]:
        hidden, probs, label = toy.keras(arrays)
        return [hidden.T, probs, label]

    with pytest.raises(VerifyError, match=r"output 'hidden' of batch 'random-0' has shape \[16, 1\] in Keras and"):
        record(toy.CONTRACT, toy.graph(), make_batches(toy.CONTRACT), flat)


# --- the arithmetic


def test_tolerance_is_factor_times_the_larger_noise_and_ulps() -> None:
    (t,) = derive([noise(conditioning=3e-6, reference=5e-6, magnitude=2.0)])
    assert t.atol == pytest.approx(FACTOR * 5e-6 + ULPS * EPS * 2)
    assert t.judges
    assert t.reason.startswith("8 x noise 5e-06 + 16 ulps")


def test_noise_is_pooled_relative_to_magnitude() -> None:
    calm, loud = derive([noise(conditioning=0, reference=0, magnitude=10.0), noise(batch="random-1")])
    assert calm.atol == pytest.approx(10 * loud.atol)


def test_extreme_batches_do_not_set_the_pool() -> None:
    lone, _ = derive([noise(), noise(batch="extreme", extreme=True, conditioning=1e-3)])
    assert lone.atol == derive([noise()])[0].atol


def test_ill_conditioned_batches_are_no_evidence() -> None:
    wild, tame = derive([noise(conditioning=0.5), noise(batch="random-1")])
    assert not wild.judges
    assert "ill-conditioned" in wild.reason
    assert tame.judges
    assert tame.atol == derive([noise()])[0].atol, "an ill-conditioned batch must not loosen the others"


def test_caps_follow_the_coarsest_type() -> None:
    loud = noise(conditioning=5e-3, reference=5e-3)
    assert not derive([loud])[0].judges
    assert derive([loud], compute="f16")[0].judges
    assert CAPS["f32"] < CAPS["f16"] < CAPS["bf16"] < 1


def test_precision_and_runtime_add_budgets() -> None:
    plain, half, engine = (
        derive([noise()], **options)[0] for options in ({}, {"precision": "float16"}, {"runtime_budget": 1e-4})
    )
    assert half.atol == pytest.approx(plain.atol + half.precision_budget)
    assert half.precision_budget > 100 * plain.atol
    assert engine.atol == pytest.approx(plain.atol + 1e-4)


def test_an_output_that_is_zero_everywhere_must_stay_zero() -> None:
    (t,) = derive([noise(magnitude=0.0, conditioning=0.0, reference=0.0)])
    assert 0 < t.atol < 1e-37
    assert t.judges


def test_a_zero_batch_borrows_a_little_magnitude() -> None:
    zero, _ = derive([noise(magnitude=0.0, conditioning=0.0, reference=0.0), noise(batch="random-1")])
    assert 1e-10 < zero.atol < 1e-7


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -1.0])
def test_override_must_be_a_number(wrong: float) -> None:
    with pytest.raises(ConfigError, match="must be a number not below 0"):
        derive([noise()], override=wrong)


def test_override_replaces_everything() -> None:
    (t,) = derive([noise(conditioning=0.5)], override=0.25)
    assert (t.atol, t.overridden, t.judges) == (0.25, True, True)
    assert Tolerance.from_json(json.loads(json.dumps(t.to_json()))) == t


def test_unknown_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match="no precision 'int3'"):
        derive([noise()], precision="int3")


def test_override_of_an_unknown_output_is_refused(reference: Reference) -> None:
    with pytest.raises(ConfigError, match="'prob', which is not an output"):
        tolerances(reference, overrides={"prob": 1e-3})


def test_override_for_every_output(reference: Reference) -> None:
    found = tolerances(reference, overrides={"*": 1e-2, "probs": 1e-1})
    assert found["probs", "random-0"].atol == 1e-1
    assert found["hidden", "random-0"].atol == 1e-2


def test_user_may_accept_a_capture_difference(reference: Reference) -> None:
    wrong = spoiled(reference, FAULTS["relative 1e-4"])
    assert capture_problems(wrong, {"probs": 1e-3}) == []
    assert capture_problems(wrong, {"probs": 1e-7}) != []


# --- NaN, infinities, integers


def test_kinds_that_keras_and_the_graph_disagree_on_are_unsettled() -> None:
    k, o, e = (np.array(v, np.float32) for v in ([1, np.inf, np.nan, 2], [1, 9, 9, 2], [1, np.inf, 9, np.nan]))
    assert unsettled(k, o, e).tolist() == [False, False, True, True]
    n = measure("y", "b", k, o, e)
    assert (n.lost, n.gained, n.unsettled) == (1, 1, 2)


def test_lost_elements_are_a_wrong_capture_always_and_gained_ones_unless_extreme() -> None:
    assert "finite in Keras" in (capture_problem([noise(lost=1, extreme=True)]) or "")
    assert "not finite in Keras" in (capture_problem([noise(gained=1)]) or "")
    assert capture_problem([noise(gained=1, extreme=True)]) is None


def test_mostly_unsettled_batches_are_no_evidence() -> None:
    (t,) = derive([noise(unsettled=60)])
    assert not t.judges
    assert "60 of 100 elements are not settled" in t.reason


def test_integers_must_match_unless_the_references_disagree() -> None:
    k = np.arange(1000, dtype=np.int32)
    assert derive([measure("y", "b", k, k, k)])[0].atol == 0
    e = k.copy()
    e[0] += 1
    (t,) = derive([measure("y", "b", k, k, e)])
    assert t.atol == pytest.approx(0.008)
    assert derive([measure("y", "b", k, k, k + 1)])[0].judges is False


def test_no_elements_are_no_evidence() -> None:
    empty = np.zeros((0, 4), np.float32)
    (t,) = derive([measure("y", "b", empty, empty, empty)])
    assert not t.judges


def test_nothing_judged_is_not_a_pass(reference: Reference) -> None:
    assert overall([], reference.contract) == (None, "output 'hidden' was judged on no batch: no batch was run")
    allowed = {k: dataclasses.replace(t, judges=False, reason="why") for k, t in tolerances(reference).items()}
    r = reference.recordings[0]
    passed, reason = overall(judge_batch(r, r.outputs, allowed), reference.contract)
    assert (passed, reason) == (None, "output 'hidden' was judged on no batch: why")


def test_batches_that_are_no_evidence_are_named(reference: Reference) -> None:
    allowed = {
        k: dataclasses.replace(t, judges=k[1] != "extreme", reason="ill-conditioned")
        for k, t in tolerances(reference).items()
    }
    checks = [c for r in reference.recordings for c in judge_batch(r, r.outputs, allowed)]
    assert overall(checks, reference.contract) == (
        True,
        "9 checks passed; output 'hidden', batch 'extreme' is no evidence: ill-conditioned; so are 2 more",
    )


def test_measured_noise_is_real(reference: Reference) -> None:
    for name, found in noises(reference).items():
        if name != "label":
            assert all(0 < n.conditioning < 1e-5 * n.magnitude for n in found if not n.extreme)
