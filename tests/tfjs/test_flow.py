"""From a Keras file to verified artifacts, in Node, TensorFlow and a browser, through the public functions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import kexport
from kexport.errors import ConfigError
from kexport.workflows import verify
from kexport_shared.js.browser import find_browser
from kexport_shared.js.page import PageRuntime
from kexport_tfjs import TARGET
from tests.tfjs.conftest import NOT_INSTALLED


@pytest.fixture(scope="module")
def dist(digits_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits model as a graph model and as a SavedModel."""
    out = tmp_path_factory.mktemp("dist")
    report = kexport.export(str(digits_file), to=["tfjs", "savedmodel"], out=out)
    statuses = {a.target: a.status for a in report.artifacts}
    assert statuses["savedmodel"] == "verified"
    if TARGET.runtimes()[0].version() is None:
        pytest.skip(NOT_INSTALLED)
    assert statuses["tfjs"] == "verified"
    return out


def test_browsers_run_when_asked_for(dist: Path) -> None:
    if find_browser() is None:
        pytest.skip("there is no Chrome or Chromium here")
    tfjs = next(a for a in verify(dist, browser=True).artifacts if a.target == "tfjs")
    found = {v.runtime: v.status.value for v in tfjs.verdicts}
    assert found == {r.name: "verified" for r in TARGET.runtimes()}
    plain = next(a for a in verify(dist).artifacts if a.target == "tfjs")
    assert {v.runtime for v in plain.verdicts} == {"tfjs-node-wasm", "tfjs-node-cpu"}


def test_a_damaged_weight_fails_verification(dist: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(dist, tmp_path / "copy")
    shard = copy / "digits.tfjs" / "group1-shard1of1.bin"
    data = bytearray(shard.read_bytes())
    data[100] ^= 0xFF
    shard.write_bytes(data)
    status = {a.target: a.status for a in verify(copy).artifacts}
    assert status == {"tfjs": "failed", "savedmodel": "verified"}


def test_browser_needs_an_artifact_that_runs_there(dist: Path) -> None:
    with pytest.raises(ConfigError, match="none of these artifacts runs in a browser"):
        verify(dist / "digits.savedmodel", browser=True)


def test_browser_needs_a_browser(dist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PageRuntime, "version", lambda self: None)
    with pytest.raises(ConfigError, match="no artifact can run in a browser here") as caught:
        verify(dist, browser=True)
    assert (caught.value.hint or "").startswith("kexport doctor --install tfjs; install Chrome or Chromium")
