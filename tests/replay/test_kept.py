"""Verdicts of another machine, kept in the manifest here. The other machine is this one, reached without ssh."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kexport.errors import VerifyError
from kexport.replay import ssh
from kexport.replay.ssh import Remote, verify_on
from kexport.report.facts import read_facts
from kexport.workflows.manifest import FILE, read_manifest


@pytest.fixture
def mine(dist: Path, tmp_path: Path) -> Path:
    """A copy of the folder, free to be changed."""
    return shutil.copytree(dist, tmp_path / "dist")


def answering(monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], object]) -> None:
    """Let checks run in a process here, and what they print be changed on the way back."""

    def call(remote: Remote, path: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run([sys.executable, path, *arguments], capture_output=True, check=False)
        document = json.loads(done.stdout)
        change(document)
        text = f"{ssh._MARK} run\n{json.dumps(document)}\n{ssh._MARK} {done.returncode}\n"
        return subprocess.CompletedProcess([], 0, text.encode(), done.stderr)

    monkeypatch.setattr(ssh, "_call", call)


def elsewhere(document: Any) -> None:
    for artifact in document["artifacts"]:
        for verdict in artifact["verdicts"]:
            verdict["host"] = "board"


def test_a_verdict_of_another_machine_is_kept_beside_those_of_this_one(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, elsewhere)
    report = verify_on(Remote("board"), mine / "net.onnx", require="verified:onnx")
    assert report.ok
    artifact = read_manifest(mine)["net"].artifacts["onnx"]
    assert artifact.status == "verified"
    assert [(v.runtime, v.host, v.status.value) for v in artifact.known() if v.batches] == [
        ("onnxruntime-cpu", "board", "verified")
    ]
    (section,) = read_facts(mine)
    assert all(v.seconds for v in section.verdicts(artifact) if v.batches)


def test_what_another_machine_says_without_sense_is_not_kept(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(document: Any) -> None:
        elsewhere(document)
        document["artifacts"][0]["verdicts"][0]["device"] = {"a": ["phone"]}

    answering(monkeypatch, change)
    before = (mine / FILE).read_bytes()
    with pytest.raises(VerifyError, match="what comes back makes no sense"):
        verify_on(Remote("board"), mine / "net.onnx")
    assert (mine / FILE).read_bytes() == before


def test_a_bundle_has_no_manifest_to_keep_it_in(check: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, elsewhere)
    before = check.read_bytes()
    assert verify_on(Remote("board"), check, require=["valid", "verified:onnx"]).ok
    assert check.read_bytes() == before
