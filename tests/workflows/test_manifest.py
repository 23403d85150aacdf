"""The manifest: read within its schema, the same for the same export, and told of what later checks find."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kexport
from kexport.errors import VerifyError
from kexport.verify.status import Status, Verdict
from kexport.workflows import verify
from kexport.workflows.manifest import FILE, SCHEMA, ModelEntry, damage_of, read_manifest
from kexport.workflows.runs_file import RUNS
from kexport.workflows.verdicts import keep_verdicts, merged, was_run
from tests.documents.test_schemas import changed
from tests.workflows.made import publish_words

REFERENCE = "small.reference.safetensors"


@pytest.fixture
def dist(exported: Path, tmp_path: Path) -> Path:
    """A copy of the exported folder, free to be changed."""
    return shutil.copytree(exported, tmp_path / "dist")


def test_any_change_of_a_manifest_is_read_or_refused_in_words(exported: Path, tmp_path: Path) -> None:
    good = json.loads((exported / FILE).read_text())
    for verdict in good["models"]["small"]["artifacts"]["onnx"]["verdicts"]:
        del verdict["outputs"][1:]
    refused = 0
    for document in changed(good, 1500):
        (tmp_path / FILE).write_text(json.dumps(document))
        try:
            for model in read_manifest(tmp_path).values():
                for artifact in model.artifacts.values():
                    artifact.known()
                    damage_of(tmp_path, artifact)
        except VerifyError:
            refused += 1
    assert refused > 1000


def test_any_damaged_byte_of_a_manifest_is_read_or_refused_in_words(exported: Path, tmp_path: Path) -> None:
    good = (exported / FILE).read_bytes()
    draw = random.Random(0)
    for _ in range(300):
        data = bytearray(good)
        place = draw.randrange(len(data))
        data[place : place + draw.choice((0, 1, 40))] = draw.randbytes(draw.choice((0, 1, 3)))
        (tmp_path / FILE).write_bytes(data[: draw.choice((len(data), place))])
        with contextlib.suppress(VerifyError):
            read_manifest(tmp_path)


def edit(dist: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads((dist / FILE).read_text())
    change(data["models"]["small"])
    (dist / FILE).write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["artifacts"]["onnx"].update(path="../small.onnx"), "lists no file of '../small.onnx'"),
        (lambda m: m["artifacts"]["onnx"]["files"][0].update(path="/etc/passwd"), "lists no file of"),
        (lambda m: m["artifacts"]["onnx"]["files"].append({"path": "../x", "size": 1, "sha256": ""}), "leads out"),
        (lambda m: m["reference"].update(path="a\\b"), "characters that a path may not have"),
        (lambda m: m.update(name="../small"), "is called '../small'"),
        (lambda m: m["artifacts"]["onnx"].update(target="tflite"), "said to be for 'tflite'"),
        (lambda m: m["artifacts"]["onnx"].update(files=[]), "files must contain at least 1"),
        (lambda m: m["contract"]["inputs"][0].update(type="f99[2]"), "the manifest is damaged"),
    ],
)
def test_what_a_manifest_may_not_say(dist: Path, change: Callable[[dict[str, Any]], object], message: str) -> None:
    edit(dist, change)
    with pytest.raises(VerifyError, match=message):
        verify(dist)


@pytest.mark.parametrize("options", [{"opset": "x"}, {"opset": True}, {"external_data": []}, {"external_data": None}])
def test_options_that_make_no_sense_are_a_failure_in_words(dist: Path, options: dict[str, Any]) -> None:
    edit(dist, lambda m: m["artifacts"]["onnx"].update(options=options))
    (artifact,) = verify(dist).artifacts
    assert artifact.status == "failed"
    assert "its options in the manifest make no sense" in artifact.reason


def test_options_of_another_version_are_passed_over(dist: Path) -> None:
    edit(dist, lambda m: m["artifacts"]["onnx"]["options"].update(of_another_version=True))
    assert verify(dist).ok
    edit(dist, lambda m: m["artifacts"]["onnx"]["options"].clear())
    assert verify(dist).ok


def test_an_older_schema_is_named(dist: Path) -> None:
    (dist / FILE).write_text('{"schema": 1, "models": {}}')
    with pytest.raises(VerifyError, match=f"manifest has schema 1, this kexport reads {SCHEMA}"):
        verify(dist)


def test_a_file_in_an_artifact_that_is_not_listed_is_damage(tmp_path: Path) -> None:
    publish_words(tmp_path, "w", ["tfjs"])
    artifact = read_manifest(tmp_path)["m"].artifacts["tfjs"]
    assert damage_of(tmp_path, artifact) is None
    (tmp_path / "m.tfjs" / "shard2.bin").write_text("more")
    assert damage_of(tmp_path, artifact) == "m.tfjs/shard2.bin is not in the manifest"


def test_the_same_export_gives_the_same_bytes(model: Any, exported: Path, tmp_path: Path) -> None:
    from kexport.replay.pack import bundle

    kexport.export(model, to=["onnx"], out=tmp_path / "again")
    for folder in (exported, tmp_path / "again"):
        bundle(folder, tmp_path / f"{folder.name}.zip")
    assert (tmp_path / "dist.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()
    for path in sorted(exported.iterdir()):
        if path.name != RUNS.name:
            assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_what_an_export_takes_has_a_file_of_its_own(exported: Path) -> None:
    (row,) = RUNS.read(exported)["small"].rows
    assert set(row.seconds) == {"load", "first", "best"}
    assert row.peak_bytes > 0
    assert "seconds" not in (exported / FILE).read_text()
    assert "peak_bytes" not in (exported / FILE).read_text()


def test_verifying_again_changes_no_manifest(dist: Path) -> None:
    before = (dist / FILE).read_bytes()
    assert verify(dist).ok
    assert (dist / FILE).read_bytes() == before


def test_a_red_verdict_is_kept(dist: Path) -> None:
    assert not verify(dist, tolerance={"*": 0.0}).ok
    (artifact,) = read_manifest(dist)["small"].artifacts.values()
    assert artifact.status == "failed"
    assert artifact.known()[0].status is Status.FAILED
    assert verify(dist).ok
    (artifact,) = read_manifest(dist)["small"].artifacts.values()
    assert artifact.status == "verified"


def test_a_verdict_on_another_file_is_not_shown(dist: Path) -> None:
    edit(dist, lambda m: m["artifacts"]["onnx"]["files"][0].update(sha256="0" * 64))
    (artifact,) = read_manifest(dist)["small"].artifacts.values()
    assert artifact.known() == ()
    assert artifact.current_status == "emitted"


def test_damage_is_not_kept(dist: Path) -> None:
    data = (dist / "small.onnx").read_bytes()
    (dist / "small.onnx").write_bytes(data + b"x")
    assert not verify(dist).ok
    assert read_manifest(dist)["small"].artifacts["onnx"].status == "verified"
    (dist / "small.onnx").write_bytes(data)
    assert verify(dist).ok


def test_a_folder_that_cannot_be_written_is_verified(dist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kexport.workflows import staging as staging_module

    def refuse(folder: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(staging_module, "locked", refuse)
    report = verify(dist)
    assert report.ok
    assert report.notes == (f"the verdicts are not kept in {FILE}: cannot write here: Read-only file system",)


def test_verdicts_that_make_no_sense_are_not_kept(dist: Path) -> None:
    model = read_manifest(dist)["small"]
    before = (dist / FILE).read_bytes()
    bad = verdict("phone", Status.VERIFIED, "b", device=5)  # type: ignore[arg-type]
    assert "make no sense" in keep_verdicts(dist, model, {"onnx": [bad]})
    assert (dist / FILE).read_bytes() == before


def test_verdicts_on_what_was_replaced_meanwhile_are_dropped(dist: Path) -> None:
    model = read_manifest(dist)["small"]
    old = copy.deepcopy(model)
    old.artifacts["onnx"].files[0] = dataclasses.replace(old.artifacts["onnx"].files[0], sha256="0" * 64)
    before = (dist / FILE).read_bytes()
    assert keep_verdicts(dist, old, {"onnx": [verdict("phone", Status.FAILED, "b")]}) == ""
    assert keep_verdicts(dist, model, {"tfjs": [verdict("phone", Status.FAILED, "b")]}) == ""
    assert keep_verdicts(dist, ModelEntry("gone", "", "", model.contract), {}) == ""
    assert (dist / FILE).read_bytes() == before


def verdict(
    runtime: str, status: Status, *batches: str, host: str = "here", device: str = "cpu", version: str | None = "1"
) -> Verdict:
    ran = tuple({"name": b, "kind": "random", "sizes": {}, "seed": 0} for b in batches)
    return Verdict("m.onnx", "onnx", runtime, version, host, device, status, "", (), ran)


NOT_RUN = verdict("a", Status.VALID, version=None)
RAN = verdict("a", Status.VERIFIED, "b")
WRONG = verdict("a", Status.FAILED, "b")
THERE = verdict("a", Status.VERIFIED, "b", host="there")
CRASHED = verdict("a", Status.FAILED)
NO_RUNTIME = verdict("", Status.VALID)
NOT_VALID = verdict("a", Status.FAILED, version=None)
OTHER = verdict("o", Status.SIMULATED, "b")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([], [RAN], [RAN]),
        ([NOT_RUN], [RAN], [RAN]),
        ([RAN], [NOT_RUN], [RAN]),
        ([RAN], [WRONG], [WRONG]),
        ([WRONG], [RAN], [RAN]),
        ([CRASHED], [NOT_RUN], [CRASHED]),
        ([NOT_VALID], [NOT_RUN], [NOT_RUN]),
        ([RAN], [THERE], [RAN, THERE]),
        ([NOT_RUN], [THERE], [THERE]),
        ([WRONG], [THERE], [WRONG, THERE]),
        ([NO_RUNTIME], [RAN], [RAN]),
        ([NOT_RUN], [OTHER], [NOT_RUN, OTHER]),
        ([NOT_RUN], [NOT_RUN], [NOT_RUN]),
    ],
)
def test_one_verdict_for_each_runtime_and_machine(
    old: list[Verdict], new: list[Verdict], expected: list[Verdict]
) -> None:
    assert merged(old, new) == expected
    assert all(map(was_run, expected)) or NOT_RUN in expected


def test_artifacts_that_no_manifest_lists_fail(dist: Path) -> None:
    shutil.copy(dist / "small.onnx", dist / "old.onnx")
    (dist / "quarantine" / "old.tfjs").mkdir(parents=True)
    (dist / "README.md").write_text("mine")
    (dist / "small.keras").write_text("mine")
    report = verify(dist)
    assert report.exit_code == 1
    assert [(a.target, a.status) for a in report.artifacts] == [
        ("onnx", "verified"),
        ("onnx", "failed"),
        ("tfjs", "failed"),
    ]
    assert report.artifacts[1].reason == "not in the manifest: old.onnx; remove it, or export it again"
    assert verify(dist / "small.onnx").ok
    json.dumps(report.to_json(), allow_nan=False)
    from kexport.proof.junit import junit_xml

    assert "not in the manifest: old.tfjs" in junit_xml("m", [v for a in report.artifacts for v in a.verdicts], ["y"])


def test_what_was_kept_of_another_model_is_not_compared(model: Any, dist: Path) -> None:
    from tests.workflows.conftest import small_cnn

    other = small_cnn()
    other.get_layer("score").bias.assign([3.0])
    report = kexport.export(other, to=["tfjs"], out=dist, keep=True, verify=False)
    assert [a.target for a in report.artifacts] == ["tfjs"]
    entry = read_manifest(dist)["small"]
    assert entry.artifacts["onnx"].kept
    assert entry.artifacts["onnx"].fingerprint != entry.fingerprint
    with pytest.raises(VerifyError, match="there is no reference"):
        verify(dist)
    kexport.export(other, to=["tflite"], out=dist, keep=True)
    report = verify(dist)
    assert {a.target: a.status for a in report.artifacts if a.target != "tfjs"} == {
        "onnx": "emitted",
        "tflite": "verified",
    }
    assert "of another model" in next(a.reason for a in report.artifacts if a.target == "onnx")
    from kexport.replay.pack import bundle

    assert "onnx" not in bundle(dist, dist / "check.zip").targets
