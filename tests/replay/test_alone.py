"""`python check.zip` where nothing is installed but NumPy and an engine: no kexport, no framework, no click."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kexport.replay.pack import bundle
from tests.replay.bare import bare_python

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")

FORBIDDEN = {"keras", "tensorflow", "tf_keras", "jax", "torch", "click", "rich", "safetensors", "onnx"}
ENGINES = ("onnxruntime", "ai-edge-litert", "backports.strenum", "flatbuffers", "ml_dtypes", "protobuf", "tqdm")
"""The engines with what pip installs beside them."""


def run(python: Path | str, *args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, *args], capture_output=True, text=True, check=False, timeout=120, cwd="/")


@pytest.fixture(scope="module")
def both(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle without JavaScript."""
    path = tmp_path_factory.mktemp("both") / "check.zip"
    bundle(dist, path, to=["onnx", "tflite"])
    return path


@pytest.fixture(scope="module")
def small(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with one artifact, for speed."""
    path = tmp_path_factory.mktemp("small") / "check.zip"
    bundle(dist, path, to=["onnx"])
    return path


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_python(tmp_path_factory.mktemp("bare") / "env", ("numpy", *ENGINES))


def test_a_bundle_runs_without_kexport(python: Path, both: Path) -> None:
    assert run(python, "-c", "import kexport").returncode == 1
    done = run(python, both)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:1] + line.split()[4:5] for line in lines[1:3]] == [
        ["onnx", "verified"],
        ["tflite", "verified"],
    ]
    assert lines[-2].startswith("checked on ")
    assert lines[-1] == "net: 2 verified"


def test_only_numpy_and_the_engines_are_imported(python: Path, both: Path) -> None:
    code = (
        "import runpy, sys, json\n"
        f"sys.argv = [{str(both)!r}, '-q']\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as e:\n    assert e.code == 0, e.code\n"
        "print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    done = run(python, "-c", code)
    assert done.returncode == 0, done.stderr
    assert {"numpy", "kexport_onnx"} <= set(json.loads(done.stdout))
    assert set(json.loads(done.stdout)) & FORBIDDEN == set()


def test_kexport_verifies_a_bundle_without_a_framework(small: Path, root: Path) -> None:
    code = (
        "import json, sys, kexport\n"
        f"assert kexport.verify_artifacts({str(small)!r}).ok\n"
        "print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=root)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) & {"keras", "tensorflow", "tf_keras", "jax", "torch", "rich"} == set()


def test_the_document_is_that_of_verify(python: Path, small: Path) -> None:
    done = run(python, small, "--json", "--tolerance", "features=0.1", "--timeout", "60")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    assert {a["target"]: a["status"] for a in report["artifacts"]} == {"onnx": "verified"}
    assert report["artifacts"][0]["verdicts"][0]["outputs"]


def test_a_wrong_artifact_fails(python: Path, small: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(small) as archive, zipfile.ZipFile(bad, "w") as other:
        for name in archive.namelist():
            data = archive.read(name)
            other.writestr(name, data[:-1] + b"?" if name == "dist/net.onnx" else data)
    done = run(python, bad)
    assert done.returncode == 1
    assert "onnx: damaged: net.onnx was changed" in done.stdout
    assert done.stdout.splitlines()[-1] == "net: 1 failed"


@pytest.mark.parametrize(
    ("required", "code", "message"),
    [
        ("verified:onnx", 0, ""),
        ("verified:tfjs", 1, "required: tfjs is not here, not to speak of verified; artifacts are for: onnx"),
        ("perfect", 3, "'perfect' is nothing that can be required"),
    ],
)
def test_what_is_required_of_a_bundle(python: Path, small: Path, required: str, code: int, message: str) -> None:
    done = run(python, small, "--require", required)
    assert done.returncode == code
    assert message in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("--tolerance", "wrong=1e-3"), 3, "error: a tolerance is given for 'wrong', which is not an output"),
        (("--tolerance", "many"), 3, "error: --tolerance many: 'many' is no tolerance\n  hint: write probs=1e-3"),
        (("--strange",), 3, "error: unrecognized arguments: --strange"),
        (("--browser",), 3, "error: no artifact can run in a browser here\n  hint: kexport doctor --install"),
    ],
)
def test_wrong_options(python: Path, small: Path, args: tuple[str, ...], code: int, message: str) -> None:
    done = run(python, small, *args)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("packages", "message", "kind", "code"),
    [
        ((), "error: NumPy cannot be imported: No module named 'numpy'\n  hint: ", "ConfigError", 3),
        (("numpy",), "nothing was run: net.onnx: not run: onnxruntime-cpu is not installed: ", "VerifyError", 1),
    ],
)
def test_what_is_missing_is_named(
    packages: tuple[str, ...], message: str, kind: str, code: int, small: Path, tmp_path: Path
) -> None:
    python = bare_python(tmp_path / "env", packages)
    done = run(python, small, "--json")
    assert done.returncode == code
    assert message in done.stderr
    assert "pip install" in done.stderr.splitlines()[-1]
    error = json.loads(done.stdout)["error"]
    assert (error["kind"], error["code"]) == (kind, code)


def test_an_older_python_is_told_so(small: Path, tmp_path: Path) -> None:
    code = (
        "import runpy, sys\n"
        f"sys.version, sys.version_info, sys.argv = '3.9.2 (default)', (3, 9, 2), [{str(small)!r}]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    done = run(sys.executable, "-c", code)
    assert done.returncode == 3
    assert done.stderr.startswith("error: this check needs Python 3.11 or newer, this is 3.9.2\n  hint: ")
