"""Models that draw random numbers: every engine's own numbers explain its outputs, and wrong ones are found."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kexport
from kexport import ops
from kexport.engines.runner import run_artifact
from kexport.errors import VerifyError
from kexport.target import find_target, targets
from kexport.workflows.locating import locate
from kexport.workflows.recording import record_reference
from kexport.workflows.verifying import replayed, verify
from tests.drawing import sampling_model


@pytest.fixture(scope="module")
def model() -> Any:
    return sampling_model(pytest.importorskip("keras", reason="the model is made with Keras"))


@pytest.fixture(scope="module")
def exported(model: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The artifacts of all targets that are here, and the report. Not to be changed."""
    out = tmp_path_factory.mktemp("random") / "dist"
    return out, kexport.export(model, to=[n for n, t in targets().items() if not t.missing()], out=out)


def test_every_engine_that_shows_its_numbers_is_right(exported: tuple[Path, Any]) -> None:
    _, report = exported
    for artifact in report.artifacts:
        ran = [v for v in artifact.verdicts if v.seconds is not None]
        shown = [v for v in ran if v.status.value in ("verified", "simulated")]
        assert shown or not ran, artifact.reason
        for verdict in shown:
            assert {c.output for c in verdict.outputs if c.passed} == {"plain", "image", "kind"}
        for verdict in ran:
            unseen = verdict.status.value == "valid" and "depends on random numbers (image, kind)" in verdict.reason
            assert unseen or verdict in shown, verdict.reason


def test_numbers_are_new_in_every_run(exported: tuple[Path, Any]) -> None:
    out, _ = exported
    target = find_target("onnx")
    runtime = next(r for r in target.runtimes() if r.version())
    x = np.ones((2, 6), np.float32)
    result = run_artifact(out / "sampling.onnx", "onnx", runtime, [{"x": x}] * 2)
    first, second = result.outputs
    assert np.array_equal(first["plain"], second["plain"])
    assert not np.array_equal(first["image"], second["image"])
    assert not np.array_equal(first["image"][0], first["image"][1])


def test_artifacts_are_verified_again(exported: tuple[Path, Any]) -> None:
    out, _ = exported
    (again,) = verify(out / "sampling.onnx").artifacts
    checks = 3 * len(again.verdicts[0].batches)  # each output on each batch
    assert checks >= 12
    assert (again.status, again.reason.partition(";")[0]) == ("verified", f"{checks} checks passed")


def test_without_the_captured_graph_they_are_not_judged(exported: tuple[Path, Any], tmp_path: Path) -> None:
    out, _ = exported
    copy = tmp_path / "dist"
    shutil.copytree(out, copy)
    (copy / "sampling.graph.safetensors").unlink()
    found = verify(copy / "sampling.onnx")
    assert found.artifacts[0].status == "valid"
    assert "there is no captured graph here" in found.artifacts[0].reason
    assert replayed(found).notes[0].startswith("checked on ")  # the other outputs were judged, as on a device


@pytest.fixture
def emitter() -> Iterator[dict[Any, Any]]:
    """The emitters of ONNX, to be changed."""
    table = find_target("onnx").emitters.emitters
    before = dict(table)
    yield table
    table.clear()
    table.update(before)


def test_another_distribution_fails(model: Any, tmp_path: Path, emitter: dict[Any, Any]) -> None:
    original = emitter[ops.RandomNormal]

    def uniform(e: Any, op: Any, node: Any) -> None:
        original(e, op, node)
        (drawing,) = [c for c in e.calls if c.kind == "RandomNormalLike"]
        drawing.kind = "RandomUniformLike"

    emitter[ops.RandomNormal] = uniform
    (artifact,) = kexport.export(model, to=["onnx"], out=tmp_path).artifacts
    assert artifact.status == "failed"
    assert "are not those of a random_normal" in artifact.reason
    assert artifact.reason.startswith("code: ")


def test_numbers_from_a_seed_fail(model: Any, tmp_path: Path) -> None:
    """A seed in a Core ML package makes the same numbers in every run."""
    table = find_target("coreml").emitters.emitters
    original = table[ops.RandomNormal]

    def seeded(e: Any, op: Any, node: Any) -> None:
        const = e.const
        e.const = lambda data, *rest: const(3 if isinstance(data, int) and data == -1 else data, *rest)
        original(e, op, node)
        del e.const

    table[ops.RandomNormal] = seeded
    try:
        (artifact,) = kexport.export(model, to=["coreml"], out=tmp_path).artifacts
    finally:
        table[ops.RandomNormal] = original
    assert artifact.status == "failed"
    assert artifact.reason == "code: it draws the same numbers again and again"


def test_a_fault_behind_the_draw_fails(model: Any, tmp_path: Path, emitter: dict[Any, Any]) -> None:
    original = emitter[ops.Sigmoid]

    def slanted(e: Any, op: Any, node: Any) -> None:
        original(e, op, node)
        right = e.ref(node.output)
        e.bind(node, e.op("Mul", right, e.const(np.array(1.001), right.dtype)))

    emitter[ops.Sigmoid] = slanted
    (artifact,) = kexport.export(model, to=["onnx"], out=tmp_path).artifacts
    assert artifact.status == "failed"
    assert "output 'image'" in artifact.reason
    assert "times the tolerance" in artifact.reason


def test_a_reference_recorded_elsewhere_is_refused(model: Any, tmp_path: Path) -> None:
    record_reference(model, tmp_path / "other.safetensors", backend="tensorflow")
    with pytest.raises(VerifyError, match="does not tell which random numbers the model drew"):
        kexport.export(model, to=["onnx"], out=tmp_path / "dist", reference=tmp_path / "other.safetensors")
    assert not (tmp_path / "dist").exists() or not list((tmp_path / "dist").iterdir())


def test_layers_before_the_draw_are_located(exported: tuple[Path, Any]) -> None:
    out, _ = exported
    found = locate(out / "sampling.onnx")
    (location,) = [x for x in found.locations if x.layers]
    assert [c.layer for c in location.layers if c.verdict == "diverges"] == []
    assert {"mean", "spread"} & {c.layer for c in location.layers}
    assert not {"code", "image"} & {c.layer for c in location.layers}
