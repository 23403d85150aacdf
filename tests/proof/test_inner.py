"""Outputs that say nothing: what lies before them is judged, and what nobody knows is called unjudged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kexport
from kexport.proof.artifact import Check, check_artifact
from kexport.proof.inner import MOST_POINTS, inner_points
from kexport.proof.junit import junit_xml
from kexport.verify.silence import silent
from kexport.verify.status import Status, Verdict, exit_code, overall_status
from kexport.workflows.verifying import verify
from tests import toy

keras = pytest.importorskip("keras")
layers = keras.layers
ops = keras.ops


def model(*stack: Any, units: int = 6) -> Any:
    keras.utils.set_random_seed(3)
    x = y = keras.Input((units,), name="x")
    for layer in stack:
        y = layer(y)
    return keras.Model(x, y, name="m")


def wide(units: int, activation: str | None = None, **how: Any) -> Any:
    return layers.Dense(units, activation, **how)


CONSTANT = {
    "no kernel": lambda: model(wide(8, "relu"), wide(4, "softmax", kernel_initializer="zeros")),
    "one class": lambda: model(wide(8, "relu"), wide(1, "softmax")),
    "certain": lambda: model(wide(8), wide(2, "sigmoid", bias_initializer=keras.initializers.Constant(90.0))),
    "other columns": lambda: model(
        wide(8), layers.ReLU(), wide(3, kernel_initializer="zeros", bias_initializer="random_normal")
    ),
}


@pytest.mark.parametrize("name", CONSTANT)
def test_constant_outputs_are_judged_by_what_lies_before(name: str, tmp_path: Path) -> None:
    report = kexport.export(CONSTANT[name](), to="onnx", out=tmp_path)
    (artifact,) = report.artifacts
    assert artifact.status == "verified", artifact.reason
    assert artifact.reason.startswith("verified by its inner layers (")
    assert "is the same whatever comes in" in artifact.reason
    (again,) = verify(tmp_path).artifacts
    assert again.reason.startswith("verified by its inner layers ("), "the folder holds what that needs"


def test_saturated_outputs_are_judged_by_their_logits_too(tmp_path: Path) -> None:
    large = keras.initializers.RandomNormal(stddev=1e6)
    (artifact,) = kexport.export(
        model(wide(8, "relu"), wide(5, "sigmoid", kernel_initializer=large)), to="onnx", out=tmp_path
    ).artifacts
    assert artifact.status == "verified"
    assert "output 'dense_1' is saturated" in artifact.reason or "is saturated" in artifact.reason
    assert artifact.reason.startswith("verified by its inner layers (")


def test_outputs_that_depend_on_no_input_are_constants_and_right(tmp_path: Path) -> None:
    x = keras.Input((6,), name="x")
    (artifact,) = kexport.export(keras.Model(x, ops.ones_like(x) * 3), to="onnx", out=tmp_path).artifacts
    assert (artifact.status, "inner" in artifact.reason) == ("verified", False)


def test_where_no_inner_value_shows_nothing_is_known(tmp_path: Path) -> None:
    """A dead layer behind another that is merged into it: it stays in its place, and the exit code is 0."""
    dead = keras.initializers.Constant(-1e5)
    report = kexport.export(model(wide(8, "relu", bias_initializer=dead), wide(3)), to="tflite", out=tmp_path)
    (artifact,) = report.artifacts
    assert artifact.status == "unjudged"
    assert "its inner layers say no more" in artifact.reason
    assert (report.ok, report.exit_code) == (True, 0)
    assert Path(artifact.path).parent == tmp_path
    assert {v.status for v in artifact.verdicts} == {Status.UNJUDGED}


def test_a_net_in_which_rounding_decides_everything_is_not_judged(tmp_path: Path) -> None:
    def chaos(x: Any) -> Any:
        for _ in range(30):
            x = ops.sin(wide(16, kernel_initializer=keras.initializers.RandomNormal(stddev=3.0))(x) * 3)
        return wide(3)(x)

    keras.utils.set_random_seed(0)
    x = keras.Input((6,), name="x")
    report = kexport.export(keras.Model(x, chaos(x)), to="onnx", out=tmp_path)
    (artifact,) = report.artifacts
    assert artifact.status == "unjudged", artifact.reason
    assert "was judged on no batch: ill-conditioned" in artifact.reason
    assert "disagree" not in artifact.reason
    assert report.exit_code == 0


def test_a_fault_before_a_constant_output_is_found(tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    kexport.export(CONSTANT["no kernel"](), to="onnx", out=tmp_path)
    path = tmp_path / "m.onnx"
    proto = onnx.load(path)
    (kernel,) = (t for t in proto.graph.initializer if list(t.dims) == [6, 8])
    changed = numpy_helper.to_array(kernel)[::-1].copy()
    kernel.CopyFrom(numpy_helper.from_array(changed, kernel.name))
    onnx.save(proto, path)
    from kexport.workflows.verifying import check_job, read_job

    job = read_job(tmp_path, tmp_path, None, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["kexport.workflows.verifying"], "artifact_damage", lambda folder, entry: "")
        (artifact,) = check_job(job, Check()).artifacts
    assert artifact.status == "failed"
    assert artifact.reason.startswith("inner value 'dense")


# --- which outputs say nothing


def recordings(*outputs: np.ndarray[Any, Any]) -> tuple[list[Any], dict[tuple[str, str], Any]]:
    from kexport.evidence.batches import Batch
    from kexport.evidence.reference_file import Recording
    from kexport.verify.tolerance import Tolerance

    found = [Recording(Batch(f"b{i}", "random", {}, {}), {"y": a}) for i, a in enumerate(outputs)]
    return found, {("y", r.batch.name): Tolerance("y", r.batch.name, 1e-6, 0, 0, 1) for r in found}


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ((np.full((3, 4), 0.5), np.full((1, 4), 0.5)), [True]),
        ((np.tile([[0.1, 0.2]], (3, 1)),), [True]),
        ((np.array([[0.1, 0.2], [0.1, 0.2], [0.101, 0.2]]),), []),
        ((np.array([[0.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 1.0]]),), [False]),
        ((np.array([[0.0, 1.0, 1.0, 0.5], [1.0, 0.3, 0.0, 1.0]]),), []),
        ((np.array([[7.0]]),), []),
        ((np.arange(6).reshape(3, 2),), []),
    ],
)
def test_which_outputs_are_silent(outputs: tuple[np.ndarray[Any, Any], ...], expected: list[bool]) -> None:
    found, allowed = recordings(*(a.astype(np.float32) if a.dtype == float else a for a in outputs))
    assert [s.constant for s in silent(found, allowed)] == expected


def test_operands_of_saturations_are_looked_at() -> None:
    names = [p.name for p in inner_points(toy.graph(), ["probs"])]
    assert "logits before softmax" in names
    assert len(names) <= MOST_POINTS
    assert [p.name for p in inner_points(toy.graph(), ["hidden"])] == ["hidden"]


# --- the status


def test_unjudged_is_between_valid_and_simulated() -> None:
    assert Status.VALID < Status.UNJUDGED < Status.SIMULATED < Status.VERIFIED

    def verdict(status: Status) -> Verdict:
        return Verdict("a.toy", "toy", "good", "1", "host", "cpu", status, "why")

    assert overall_status([verdict(Status.UNJUDGED), verdict(Status.VERIFIED)]) is Status.VERIFIED
    assert overall_status([verdict(Status.UNJUDGED), verdict(Status.FAILED)]) is Status.FAILED
    assert exit_code([verdict(Status.UNJUDGED)]) == 0
    xml = junit_xml("m", [verdict(Status.UNJUDGED)], ["probs"])
    assert '<skipped type="Unjudged" message="why"' in xml


def test_an_engine_that_runs_out_of_time_shows_nothing(tmp_path: Path, reference: Any) -> None:
    path = toy.save_weights(tmp_path / "a.json", toy.weights())
    check = Check(runtimes=["hang"], timeout=3, target=toy.SPEC)
    (verdict,) = check_artifact(path, toy.TARGET, reference, check)
    assert verdict.status is Status.UNJUDGED
    assert verdict.reason.startswith("timeout: no result after 3 s")
