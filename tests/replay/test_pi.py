"""Raspberry Pis, emulated: 64-bit Arm, where LiteRT and ONNX Runtime compute with other instructions than here."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kexport.replay.pack import bundle
from kexport.replay.ssh import Remote, verify_on
from tests.replay import sshd
from tests.replay.pi import BOARDS, QEMU

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def boards(root: Path) -> Path:
    """The folder with a program for each board."""
    folder = root / "build" / "pi"
    if shutil.which(QEMU) is None:
        pytest.skip(f"there is no {QEMU} here: apt-get install qemu-user-static")
    if not all((folder / name).exists() for name in BOARDS):
        pytest.skip("there are no emulated boards here: make pi")
    return folder


@pytest.fixture(scope="module")
def native(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of what a board has engines for."""
    path = tmp_path_factory.mktemp("native") / "check.zip"
    bundle(dist, path, to=["onnx", "tflite"])
    return path


def run(program: Path, *args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *args], capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_verifies_litert_and_onnx_runtime(name: str, boards: Path, native: Path) -> None:
    done = run(boards / name, native, "--json", "-q")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {a["target"]: a["status"] for a in report["artifacts"]} == {"onnx": "verified", "tflite": "verified"}
    assert report["notes"] == [f"checked on {BOARDS[name].model}, Linux aarch64"]
    verdicts = {v["runtime"]: v for a in report["artifacts"] for v in a["verdicts"]}
    assert {v["host"] for v in verdicts.values()} == {f"{BOARDS[name].model}, Linux aarch64"}
    for runtime in ("onnxruntime-cpu", "litert-xnnpack", "litert-reference"):
        assert verdicts[runtime]["status"] == "verified"
    compiled = verdicts["litert-compiled"]
    if "atomics" in BOARDS[name].features:
        assert compiled["status"] == "verified"
    else:
        assert compiled["status"] == "valid"
        assert "CompiledModel needs Armv8.1's atomic instructions" in compiled["reason"]


def test_a_board_refuses_a_wrong_artifact(boards: Path, native: Path) -> None:
    done = run(boards / "pi4", native, "--tolerance", "0", "-q", "--json")
    assert done.returncode == 1, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert [a["status"] for a in report["artifacts"]] == ["failed", "failed"]


def test_a_board_behind_ssh(boards: Path, native: Path, tmp_path: Path) -> None:
    if reason := sshd.missing():
        pytest.skip(reason)
    with sshd.running(tmp_path) as server:
        report = verify_on(Remote.parse(server.url, str(boards / "pi4"), server.config), native)
    assert [a.status for a in report.artifacts] == ["verified", "verified"]
    assert report.notes == (f"checked on {BOARDS['pi4'].model}, Linux aarch64 ({server.url})",)
