"""Publishing: an export happens as a whole or not at all, wherever it is killed, and whoever else exports."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kexport.errors import ConfigError, VerifyError
from kexport.workflows import publication
from kexport.workflows.manifest import FILE, find_folder, read_manifest
from kexport.workflows.publication import PLAN, PUBLISHING
from kexport.workflows.staging import staging
from tests.workflows.killing import folders_of_killed
from tests.workflows.made import contents, decided, halves, hidden, is_json, problems, publish_words

ALL = ("onnx", "tflite", "tfjs")
CASES: dict[str, Callable[[Path], object]] = {
    "all of another model": lambda out: publish_words(out, "new", ALL),
    "fewer targets of another model": lambda out: publish_words(out, "new", ["tfjs"]),
    "more of the same model": lambda out: publish_words(out, "again", ["tfjs"], fingerprint="old"),
    "all failed": lambda out: publish_words(out, "new", ALL, failed=ALL),
    "another model beside it": lambda out: publish_words(out, "new", ALL, name="n"),
    "kept": lambda out: publish_words(out, "new", ["onnx"], keep=True),
}
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder with an export in it, one artifact of it failed."""
    out = tmp_path / "old"
    publish_words(out, "old", ["onnx", "tfjs"])
    publish_words(out, "old", ["tflite"], fingerprint="old", failed=["tflite"])
    return out


@forks
@pytest.mark.parametrize(("case", "can_exchange"), [*((c, True) for c in CASES), ("all of another model", False)])
def test_an_export_killed_at_any_step_has_happened_or_has_not(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(publication, "exchange", lambda one, other: False)
    whole = shutil.copytree(old, tmp_path / "whole")
    CASES[case](whole)
    before = contents(old)
    after = contents(whole)
    assert before != after
    outcomes: list[bool] = []
    for out in folders_of_killed(old, tmp_path, CASES[case]):
        assert is_json(out / FILE)
        if can_exchange or not decided(out):
            assert halves(out) == []
        happened = decided(out) or contents(out) == after
        read_manifest(out)  # as any command does
        assert contents(out) == (after if happened else before)
        assert problems(out) == []
        with staging(out):  # as the next export does
            pass
        assert hidden(out) == []
        outcomes.append(happened)
    assert outcomes == sorted(outcomes), "once it has happened, it stays so"
    assert outcomes.count(False) > 5
    assert outcomes.count(True) > 5


@forks
def test_a_first_export_that_is_killed_leaves_nothing_or_all(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for out in folders_of_killed(empty, tmp_path, lambda out: publish_words(out, "new", ALL)):
        assert halves(out) == []
        if decided(out):
            assert find_folder(out / "m.tfjs") == out
        assert contents(out) == {} or problems(out) == []


@forks
def test_finishing_may_be_killed_too(old: Path, tmp_path: Path) -> None:
    decided_only = tmp_path / "decided"
    for out in folders_of_killed(old, tmp_path, CASES["all of another model"]):
        if decided(out):
            shutil.copytree(out, decided_only)
            break
    for out in folders_of_killed(decided_only, tmp_path / "again", read_manifest):
        read_manifest(out)
        assert problems(out) == []
        assert set(contents(out).values()) >= {"new in m.onnx", "new in model.json"}


def test_what_the_old_manifest_listed_and_the_new_one_does_not_goes(old: Path) -> None:
    publish_words(old, "new", ["tfjs"])
    assert sorted(contents(old)) == [
        "kexport.json",
        "m.reference.safetensors",
        "m.tfjs/model.json",
        "m.tfjs/shard.bin",
    ]
    assert not (old / "quarantine").exists()


def test_the_same_model_keeps_what_it_has(old: Path) -> None:
    publish_words(old, "old", ["tfjs"], fingerprint="old")
    assert sorted(read_manifest(old)["m"].artifacts) == ["onnx", "tfjs", "tflite"]
    assert problems(old) == []


def test_what_is_kept_is_said_to_be_of_another_model(old: Path) -> None:
    publish_words(old, "new", ["tfjs"], keep=True)
    artifacts = read_manifest(old)["m"].artifacts
    assert {t: (a.kept, a.fingerprint) for t, a in artifacts.items()} == {
        "onnx": (True, "old"),
        "tflite": (True, "old"),
        "tfjs": (False, ""),
    }
    assert problems(old) == []
    publish_words(old, "newer", ["tfjs"], keep=True)
    assert read_manifest(old)["m"].artifacts["onnx"].fingerprint == "old"
    publish_words(old, "newer", ["tfjs"], fingerprint="newer")
    assert sorted(read_manifest(old)["m"].artifacts) == ["tfjs"]
    assert problems(old) == []


def test_an_artifact_that_passes_now_is_no_longer_in_quarantine(old: Path) -> None:
    publish_words(old, "old", ["tflite"], fingerprint="old")
    assert (old / "m.tflite").exists()
    assert not (old / "quarantine").exists()
    publish_words(old, "old", ["tflite"], fingerprint="old", failed=["tflite"])
    assert not (old / "m.tflite").exists()
    assert problems(old) == []


def test_files_of_the_user_stay(old: Path) -> None:
    (old / "README.md").write_text("mine")
    (old / "m.tfjs" / "labels.txt").write_text("mine")
    (old / "quarantine" / "notes.txt").write_text("mine")
    publish_words(old, "new", ["onnx"])
    assert sorted(p for p, word in contents(old).items() if word == "mine") == [
        "README.md",
        "m.tfjs/labels.txt",
        "quarantine/notes.txt",
    ]
    assert not (old / "m.tfjs" / "model.json").exists()


def test_a_manifest_cannot_make_an_export_remove_what_no_export_made(old: Path) -> None:
    (old / "src").mkdir()
    (old / "src" / "main.c").write_text("mine")
    (old / "notes.txt").write_text("mine")
    data = json.loads((old / FILE).read_text())
    artifact = data["models"]["m"]["artifacts"]["onnx"]
    artifact["path"] = "src"
    artifact["files"] = [
        {"path": "src/main.c", "size": 4, "sha256": "0"},
        {"path": "notes.txt", "size": 4, "sha256": "0"},
    ]
    (old / FILE).write_text(json.dumps(data))
    publish_words(old, "new", ["tfjs"])
    assert contents(old)["src/main.c"] == contents(old)["notes.txt"] == "mine"


def _publish(out: Path, name: str) -> None:
    publish_words(out, name, ["onnx", "tfjs"], name=name)


@forks
def test_exports_into_one_folder_at_once_are_all_in_the_manifest(tmp_path: Path) -> None:
    names = [f"model{i}" for i in range(8)]
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_publish, args=(tmp_path / "dist", name)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [w.exitcode for w in workers] == [0] * len(names)
    assert sorted(read_manifest(tmp_path / "dist")) == names
    assert problems(tmp_path / "dist") == []
    assert hidden(tmp_path / "dist") == []


def test_a_folder_that_somebody_holds_is_waited_for(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kexport.workflows import folder_lock

    monkeypatch.setattr(folder_lock, "PATIENCE", 0.1)
    with folder_lock.locked(old), pytest.raises(ConfigError, match="another process holds this folder"):
        publish_words(old, "new", ["onnx"])
    publish_words(old, "new", ["onnx"])
    assert hidden(old) == []


def test_a_folder_in_use_is_left_alone(old: Path) -> None:
    with staging(old) as first, staging(old) as second:
        assert first.exists()
        assert second.exists()
    assert hidden(old) == []


def test_a_file_in_the_way_is_found_before_anything_has_changed(old: Path) -> None:
    shutil.rmtree(old / "quarantine")
    (old / "quarantine").write_text("mine")
    before = contents(old)
    with pytest.raises(ConfigError, match="in the way of a folder"):
        publish_words(old, "new", ["onnx"], failed=["onnx"])
    assert contents(old) == before
    assert not decided(old)


def test_files_and_folders_take_each_others_place(tmp_path: Path) -> None:
    out = tmp_path / "dist"
    out.mkdir()
    (out / "m.onnx").mkdir()
    (out / "m.tfjs").write_text("a file")
    publish_words(out, "new", ["onnx", "tfjs"])
    assert problems(out) == []


@pytest.mark.parametrize(
    "plan",
    [
        "{",
        "[]",
        "{}",
        '{"places": [1], "digests": [], "removals": []}',
        "[" * 100_000,
        '{"places": ["../../x"], "digests": ["0"], "removals": []}',
        '{"places": [], "digests": [], "removals": ["../old2"]}',
        '{"places": [], "digests": [], "removals": ["/etc/hostname"]}',
    ],
)
def test_a_plan_of_a_stranger_does_no_harm(old: Path, plan: str) -> None:
    (old.parent / "old2").write_text("mine")
    (old / PUBLISHING).mkdir()
    (old / PUBLISHING / "0").write_text("x")
    (old / PUBLISHING / PLAN).write_text(plan)
    with pytest.raises(VerifyError):
        read_manifest(old)
    assert (old.parent / "old2").read_text() == "mine"
    assert not (old.parent.parent / "x").exists()


def test_a_plan_behind_a_link_is_not_followed(old: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "0").write_text("mine")
    (tmp_path / "secret" / PLAN).write_text('{"places": ["x"], "digests": ["0"], "removals": []}')
    (old / PUBLISHING).symlink_to(tmp_path / "secret")
    with pytest.raises(VerifyError, match="it is a link"):
        read_manifest(old)
    assert (tmp_path / "secret" / "0").read_text() == "mine"


def test_an_unfinished_export_that_cannot_be_finished_is_said_so(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise OSError(30, "Read-only file system")

    (old / PUBLISHING).mkdir()
    (old / PUBLISHING / PLAN).write_text('{"places": [], "digests": [], "removals": []}')
    with monkeypatch.context() as patched:
        patched.setattr(publication, "locked", refuse)
        with pytest.raises(VerifyError, match="was killed, and cannot be finished: Read-only file system"):
            read_manifest(old)
    assert problems(old) == []


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="no exchange of two names here")
def test_two_folders_are_exchanged_in_one_step(tmp_path: Path) -> None:
    from kexport.workflows.exchange import exchange

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "word").write_text(name)
    assert exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "word").read_text() == "b"
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "a", tmp_path / "c")
