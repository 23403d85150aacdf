"""Files and facts beside an artifact that options ask for: listed with their hashes, checked, and removed again."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from kexport.errors import ConfigError
from kexport.workflows import ExportReport, export, verify
from kexport.workflows.manifest import read_manifest

pytest.importorskip("tflite_micro", reason="the extra mcu is not installed")
pytest.importorskip("ethosu.vela", reason="the extra mcu is not installed")

OPTIONS = {"tflite": {"c_array": True, "vela": "ethos-u55-128"}}
FILES = ("small.cc", "small.h", "small.tflite")


@pytest.fixture(scope="module")
def report(model: Any, tmp_path_factory: pytest.TempPathFactory) -> ExportReport:
    return export(model, "tflite", tmp_path_factory.mktemp("finished") / "dist", options=OPTIONS)


@pytest.fixture
def dist(report: ExportReport, tmp_path: Path) -> Path:
    """A copy of the folder, free to be damaged."""
    return shutil.copytree(Path(report.artifacts[0].path).parent, tmp_path / "dist")


def test_notes_say_what_the_tools_found(report: ExportReport) -> None:
    assert report.ok
    assert any("TFLite Micro needs an arena of" in note for note in report.notes)
    assert any("operators run on ethos-u55-128" in note for note in report.notes)


def test_the_manifest_lists_sources_and_facts(dist: Path) -> None:
    entry = read_manifest(dist)["small"].artifacts["tflite"]
    assert {f.path: f.sha256 for f in entry.files} == {
        name: hashlib.sha256((dist / name).read_bytes()).hexdigest() for name in FILES
    }
    assert entry.size == (dist / "small.tflite").stat().st_size, "no engine reads the sources"
    assert entry.facts["tflm"]["arena"] > 0
    assert entry.facts["vela"]["accelerator"] == "ethos-u55-128"
    assert "tflm" in [v["runtime"] for v in entry.verdicts], "who makes sources runs the file there"


def test_changed_sources_are_noticed(dist: Path) -> None:
    assert verify(dist).ok
    source = dist / "small.cc"
    source.write_text(source.read_text().replace("1", "2", 1))
    report = verify(dist)
    assert report.exit_code == 1
    assert "small.cc was changed" in report.artifacts[0].reason


def test_an_export_without_them_removes_them(model: Any, dist: Path) -> None:
    export(model, "tflite", dist, verify=False)
    assert not (dist / "small.cc").exists()
    assert not (dist / "small.h").exists()
    assert read_manifest(dist)["small"].artifacts["tflite"].facts == {}


def test_what_is_missing_is_said_and_nothing_written(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kexport_tflite.micro import vela

    monkeypatch.setattr(vela, "installed", lambda: None)
    with pytest.raises(ConfigError, match="Vela is not installed") as caught:
        export(model, "tflite", tmp_path / "dist", options=OPTIONS)
    assert caught.value.hint == "pip install 'kexport[mcu]'"
    assert caught.value.exit_code == 3
    assert not (tmp_path / "dist").exists()
