"""The command line on a real model, in processes of its own: export, verify, inspect, and what goes wrong."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
pytest.importorskip("tensorflow", reason="the extra tensorflow is not installed")

Done = subprocess.CompletedProcess[str]


def kexport(*args: str | Path) -> Done:
    command = [sys.executable, "-m", "kexport", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dist")


@pytest.fixture(scope="module")
def exported(digits_file: Path, dist: Path) -> Done:
    samples = digits_file.with_name("samples.npz")
    return kexport("export", digits_file, "--to", "onnx", "--inputs", samples, "-o", dist)


@pytest.fixture
def copy(exported: Done, dist: Path, tmp_path: Path) -> Path:
    """The exported folder, to damage."""
    assert exported.returncode == 0, exported.stderr
    return Path(shutil.copytree(dist, tmp_path / "dist"))


def test_export_verifies_and_prints_the_table(exported: Done, dist: Path) -> None:
    assert exported.returncode == 0, exported.stderr
    row = next(line for line in exported.stdout.splitlines() if line.startswith("onnx "))
    assert str(dist / "digits.onnx") in row
    assert "verified" in row
    assert "onnxruntime-cpu" in row
    assert exported.stdout.splitlines()[-1] == "digits: 1 verified"
    names = (".kx", ".onnx", ".graph.safetensors", ".reference.safetensors")
    files = {f"digits{n}" for n in names} | {"kexport.json", "kexport.runs.json"}
    assert {p.name for p in dist.iterdir()} == files


def test_stderr_holds_our_progress_only(exported: Done) -> None:
    *lines, last = exported.stderr.splitlines()
    stages = {line.split()[0] for line in lines}
    assert {"capture", "verify"} <= stages
    known = {"capture", "optimize", "legalize", "emit", "reference", "verify", "publish", "still:"}
    assert stages <= known, exported.stderr
    assert re.fullmatch(r"took \d+:\d\d: capture [\d.]+ s, (emit [\d.]+ s, )?reference .*, verify [\d.]+ s", last)


def test_verify_needs_no_model(copy: Path) -> None:
    done = kexport("verify", copy, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["artifacts"][0]["status"] == "verified"


def test_a_changed_byte_fails_verification(copy: Path) -> None:
    path = copy / "digits.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = kexport("verify", copy)
    assert done.returncode == 1
    assert "damaged" in done.stdout
    assert done.stdout.splitlines()[-1] == "digits: 1 failed"


def test_inspect_an_artifact(copy: Path) -> None:
    done = kexport("inspect", copy / "digits.onnx")
    assert done.returncode == 0, done.stderr
    assert "f32[batch,8,8,1]" in done.stdout


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("export", "missing.keras"), 3, "'missing.keras'"),
        (("verify", "missing"), 3, "error: missing: no such file or folder\n  hint: "),
        (("inspect", "missing.onnx"), 3, "error: missing.onnx: "),
        (("export", "missing.keras", "--to", "nothing"), 3, "error: there is no target 'nothing'\n  hint: targets: "),
    ],
)
def test_what_is_not_there(args: tuple[str, ...], code: int, message: str) -> None:
    done = kexport(*args)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_model_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.keras"
    path.touch()
    done = kexport("export", path, "-o", tmp_path / "dist", "-q")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {path}: ")
    assert not (tmp_path / "dist").exists()
