"""Verdicts on a real artifact of the toy target."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from kexport.engines.runner import IN_PROCESS, RunResult, run_here
from kexport.errors import ConfigError
from kexport.evidence.batches import make_batches
from kexport.evidence.reference_file import Reference, load_reference, save_reference
from kexport.ir.contract import Contract, Port
from kexport.ir.evaluator import evaluate
from kexport.ir.types import TensorType
from kexport.proof.agreement import contract_problems
from kexport.proof.artifact import Check, check_artifact, fitting
from kexport.verify.record import record
from kexport.verify.status import Status, Verdict, exit_code, overall_status, worst_verdict
from tests import toy
from tests.toy import FEATURES


def check(artifact: Path, reference: Reference, *runtimes: str, **options: object) -> list[Verdict]:
    chosen = Check(runtimes=runtimes, target=toy.SPEC, timeout=30, **options)  # type: ignore[arg-type]
    return check_artifact(artifact, toy.TARGET, reference, chosen)


def test_a_right_artifact_is_verified(artifact: Path, reference: Reference, tmp_path: Path) -> None:
    save_reference(reference, tmp_path / "r")
    (verdict,) = check(artifact, load_reference(tmp_path / "r"), "good")
    assert verdict.status is Status.VERIFIED, verdict.reason
    assert (verdict.runtime, verdict.version, verdict.device) == ("good", "1.2.3", "cpu")
    assert verdict.reason == "12 checks passed"
    assert {c.output for c in verdict.outputs} == {"hidden", "probs", "label"}
    assert [b["sizes"] for b in verdict.batches] == [{"batch": 1}, {"batch": 3}, {"batch": 1}, {"batch": 1}]
    assert verdict.worst is not None
    assert str(tmp_path) not in json.dumps(verdict.to_json()), "reports name no folders"
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json(), allow_nan=False))) == verdict


@pytest.mark.parametrize(
    ("runtime", "reason"),
    [
        ("relative", "times the tolerance"),
        ("swap", "output 'hidden', batch "),
        ("nan", "elements are NaN or infinite on one side only"),
        ("wide", "element type float64 instead of float32"),
        ("transposed", "shape [16, 1] instead of [1, 16]; it matches after transposing (1, 0)"),
        ("partial", "missing; the artifact gave probs"),
        ("segfault", "crashed: ended by SIGSEGV"),
        ("junk", "garbage: "),
    ],
)
def test_a_wrong_runtime_fails(artifact: Path, reference: Reference, runtime: str, reason: str) -> None:
    (verdict,) = check(artifact, reference, runtime)
    assert verdict.status is Status.FAILED
    assert reason in verdict.reason
    assert exit_code([verdict]) == 1


def test_wrong_weights_fail(artifact: Path, reference: Reference) -> None:
    params = toy.weights()
    params["v"] = params["v"][:, [1, 0, *range(2, toy.CLASSES)]]
    toy.save_weights(artifact, params)
    (verdict,) = check(artifact, reference, "good")
    assert verdict.status is Status.FAILED
    assert "output 'probs'" in verdict.reason


def test_missing_runtimes_leave_it_valid_and_say_what_to_install(artifact: Path, reference: Reference) -> None:
    absent, good = check(artifact, reference, "absent", "good")[::-1]
    assert absent.status is Status.VALID
    assert absent.reason == "not run: absent is not installed: pip install 'kexport[toy]'"
    assert overall_status([absent, good]) is Status.VERIFIED
    assert worst_verdict([absent, good]) is good
    assert exit_code([absent]) == 0


def test_simulators_never_verify(artifact: Path, reference: Reference) -> None:
    assert check(artifact, reference, "simulator")[0].status is Status.SIMULATED


def test_an_invalid_artifact_is_not_run(tmp_path: Path, reference: Reference) -> None:
    (tmp_path / "a.json").write_text("{}")
    assert check(tmp_path / "a.json", reference, "good")[0].reason == "not valid: no weights"
    (tmp_path / "a.json").write_text('{"weights": ')
    (verdict,) = check(tmp_path / "a.json", reference, "good")
    assert verdict.status is Status.FAILED
    assert verdict.reason.startswith("not valid: it is damaged: JSONDecodeError")


def test_a_broken_contract_is_not_run(artifact: Path, reference: Reference) -> None:
    renamed = dataclasses.replace(toy.CONTRACT, inputs=(Port("serving_x", toy.X),))
    toy.save_weights(artifact, toy.weights(), renamed)
    (verdict,) = check(artifact, reference, "good")
    assert verdict.status is Status.FAILED
    assert verdict.reason == "breaks the contract: the inputs are serving_x instead of x"


def test_a_wrong_capture_fails_every_runtime(artifact: Path) -> None:
    wrong = toy.weights() | {"c": np.zeros(toy.CLASSES, np.float32)}
    reference = record(toy.CONTRACT, toy.graph(wrong), make_batches(toy.CONTRACT), toy.keras)
    verdicts = check(artifact, reference, "good", "absent")
    assert [v.status for v in verdicts] == [Status.FAILED] * 2
    assert all(v.reason.startswith("capture disagrees with Keras: output 'probs'") for v in verdicts)


def test_an_engine_that_declines_does_not_fail_the_artifact(artifact: Path, reference: Reference) -> None:
    verdicts = check(artifact, reference, "good", "decline")
    assert [v.status for v in verdicts] == [Status.VERIFIED, Status.VALID]
    assert verdicts[1].reason == "not run: this engine is for smaller models (phase: run 0)"


def test_a_fixed_batch_uses_the_recordings_that_fit(artifact: Path, reference: Reference) -> None:
    fixed = toy.CONTRACT.bind({"batch": 1})
    toy.save_weights(artifact, toy.weights(), fixed)
    (verdict,) = check(artifact, reference, "good", contract=fixed)
    assert verdict.status is Status.VERIFIED
    assert {b["sizes"]["batch"] for b in verdict.batches} == {1}
    assert len(fitting(reference, fixed)) == 3
    other = toy.CONTRACT.bind({"batch": 17})
    toy.save_weights(artifact, toy.weights(), other)
    assert "no batch of the reference fits" in check(artifact, reference, "good", contract=other)[0].reason


def test_one_size_is_said_to_be_little(artifact: Path) -> None:
    batches = [b for b in make_batches(toy.CONTRACT) if b.sizes == {"batch": 1}]
    reference = record(toy.CONTRACT, toy.graph(), batches, toy.keras)
    (verdict,) = check(artifact, reference, "good")
    assert verdict.status is Status.VERIFIED
    assert verdict.reason.endswith("; dimension 'batch' was checked at one size only (1)")


def test_a_constant_output_is_said_to_be_little(artifact: Path) -> None:
    dead = toy.weights() | {"w": np.zeros((FEATURES, toy.HIDDEN), np.float32), "b": np.zeros(toy.HIDDEN, np.float32)}

    def run(arrays: list[np.ndarray]) -> list[np.ndarray]:
        return list(toy.compute(arrays[0], dead).values())

    toy.save_weights(artifact, dead)
    reference = record(toy.CONTRACT, toy.graph(dead), make_batches(toy.CONTRACT), run)
    (verdict,) = check(artifact, reference, "good")
    assert "output 'hidden' has one and the same value everywhere" in verdict.reason


def test_a_saturated_output_is_said_to_be_little(artifact: Path) -> None:
    sharp = toy.weights()
    sharp["v"] = sharp["v"] * np.float32(1e5)

    def run(arrays: list[np.ndarray]) -> list[np.ndarray]:
        graph = toy.graph(sharp)
        return [evaluate(graph, {"x": arrays[0]})[p.name] for p in toy.CONTRACT.outputs]

    reference = record(toy.CONTRACT, toy.graph(sharp), make_batches(toy.CONTRACT), run)
    toy.save_weights(artifact, sharp)
    (verdict,) = check(artifact, reference, "good")
    assert verdict.status is Status.VERIFIED, verdict.reason
    assert "output 'probs' is saturated: its values are 0 and 1" in verdict.reason


def test_the_user_may_allow_more(artifact: Path, reference: Reference) -> None:
    assert check(artifact, reference, "relative", tolerances={"probs": 1e-2})[0].status is Status.VERIFIED


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runtimes": ["gpu"]}, "has no runtime 'gpu'"),
        ({"tolerances": {"nope": 1.0}}, "'nope', which is not an output"),
        ({"precision": "int7"}, "no precision 'int7'"),
    ],
)
def test_wrong_options(artifact: Path, reference: Reference, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_artifact(artifact, toy.TARGET, reference, Check(**options))  # type: ignore[arg-type]


def test_no_runtime_at_all(artifact: Path, reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy.ToyTarget, "runtimes", lambda self: [])
    (verdict,) = check_artifact(artifact, toy.TARGET, reference)
    assert (verdict.status, verdict.reason) == (Status.VALID, "no runtime for Toy JSON, so it was not run")


def test_the_ladder() -> None:
    assert Status.FAILED < Status.EMITTED < Status.VALID < Status.SIMULATED < Status.VERIFIED
    assert Status.VERIFIED > Status.FAILED
    assert overall_status([]) is Status.EMITTED
    assert worst_verdict([]) is None
    assert exit_code([]) == 1


def ports(*texts: str) -> tuple[Port, ...]:
    return tuple(Port(t.split(":")[0], TensorType.parse(t.split(":")[1])) for t in texts)


A = "a:f32[batch,3]"
B = "b:i32[batch]"


@pytest.mark.parametrize(
    ("actual", "problem"),
    [
        ((A, B), None),
        (("a:f32[unk__0,3]", "b:i32[unk__1]"), None),
        ((B, A), "the inputs are b, a in another order instead of a, b"),
        ((A,), "the inputs are a instead of a, b"),
        (("a:f16[batch,3]", B), "input 'a' is f16[batch,3] instead of f32[batch,3]"),
        (("a:f32[3]", B), "input 'a' is f32[3] instead of f32[batch,3]"),
        (("a:f32[1,3]", B), "axis 0 of input 'a' is fixed at 1 instead of dynamic (batch)"),
        (("a:f32[batch,n]", B), "axis 1 of input 'a' is dynamic (n) instead of fixed at 3"),
        (("a:f32[batch,4]", B), "axis 1 of input 'a' is fixed at 4 instead of fixed at 3"),
    ],
)
def test_contracts(actual: tuple[str, ...], problem: str | None) -> None:
    found = contract_problems(Contract(ports(A, B), ()), Contract(ports(*actual), ()))
    assert found == ([problem] if problem else [])


def test_an_unchanged_file_is_run_where_its_checker_is_missing(
    artifact: Path, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy.ToyTarget, "missing", lambda self: ["toychecker"])
    monkeypatch.setattr(toy.ToyTarget, "validate", lambda self, path: __import__("toychecker"))
    (verdict,) = check(artifact, reference, "good", unchanged=True)
    assert verdict.status is Status.VERIFIED
    assert "its format was checked at export, not here, where toychecker is missing" in verdict.reason
    (verdict,) = check(artifact, reference, "good")
    assert verdict.status is Status.FAILED
    assert "cannot be read back: ModuleNotFoundError" in verdict.reason


def test_where_and_how_it_ran_is_told(artifact: Path, reference: Reference) -> None:
    def elsewhere(*args: object, **options: object) -> RunResult:
        return dataclasses.replace(run_here(*args, **options), host="a phone", version="9")  # type: ignore[arg-type]

    (verdict,) = check(artifact, reference, "good", run=elsewhere)
    assert (verdict.host, verdict.version, verdict.status) == ("a phone", "9", Status.VERIFIED)
    assert IN_PROCESS in verdict.reason
