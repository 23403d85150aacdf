"""Every command where kexport is installed without any extra: documented exit codes, no traceback, a right way out."""

from __future__ import annotations

import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.install.environment import build_wheel, installed_environment
from tests.replay.dist import write_dist

for _module, _extra in (("onnx", "onnx"), ("flatbuffers", "tflite"), ("coremltools", "coreml")):
    pytest.importorskip(_module, reason=f"the extra {_extra} is not installed")

CODES = {0, 1, 2, 3}
"""What the README documents for a run that is not interrupted, but for the code of a bug."""
TARGETS = ("coreml", "onnx", "savedmodel", "tfjs", "tflite")
TENSORFLOW = "pip install 'kexport[tensorflow]'"

COMMANDS: dict[str, tuple[int, str]] = {
    "--help": (0, "Commands:"),
    "--version": (0, "kexport "),
    "doctor": (0, TENSORFLOW.removesuffix("]'")),
    "doctor --json": (0, '"missing"'),
    "targets": (0, "tflite"),
    "targets --options": (0, "onnx.opset"),
    "targets --ops": (0, "conv"),
    "inspect m.keras": (3, TENSORFLOW),
    "inspect m.h5": (3, TENSORFLOW),
    "inspect dist": (3, "kexport verify dist"),
    "inspect dist/net.onnx": (3, "pip install 'kexport[onnx]'"),
    "inspect dist/net.tflite": (3, "pip install 'kexport[tflite]'"),
    "inspect dist/net.mlpackage": (3, "pip install 'kexport[coreml]'"),
    "inspect dist/net.tfjs": (0, "image"),
    "inspect dist/net.savedmodel": (0, "image"),
    "export m.keras": (3, TENSORFLOW),
    "export m.keras --to tfjs": (3, TENSORFLOW),
    "export m.keras --to onnx": (3, "pip install 'kexport[onnx]'"),
    "export m.keras --to tflite": (3, "pip install 'kexport[tflite]'"),
    "export m.keras --to coreml": (3, "pip install 'kexport[coreml]'"),
    "export dist/net.onnx": (3, "kexport inspect dist/net.onnx"),
    "export absent.keras": (3, "there is no file"),
    "export functions:build": (3, TENSORFLOW),
    "vocabulary m.keras": (3, TENSORFLOW),
    "reference m.keras": (3, TENSORFLOW),
    "reference m.keras --backend jax": (3, "pip install 'kexport[jax]'"),
    "reference m.keras --backend torch": (3, "pip install 'kexport[torch]'"),
    "verify dist/net.onnx": (1, "pip install 'kexport[onnx]'"),
    "verify dist": (1, "pip install 'kexport[tflite]'"),
    "verify dist --browser": (3, "kexport doctor --install"),
    "verify dist --locate": (3, "--model"),
    "bundle dist -o check.zip": (0, "check.zip"),
    "verify check.zip": (1, "pip install onnxruntime"),
    "report dist": (0, "report.html"),
    "report dist --locate": (3, "--model"),
    "bench dist": (-1, "pip install 'kexport[onnx]'"),
    "bench dist/net.onnx --runtime onnxruntime-cpu": (-1, "pip install 'kexport[onnx]'"),
    "reduce dist": (3, "--model"),
    "reduce --check dist": (3, "kexport reduce -o"),
    "serve --help": (0, "Usage: kexport serve"),
    "serve dist --once --timeout 1": (3, "kexport doctor --install"),
    "completion bash": (0, "_kexport_completion"),
    "completion zsh": (0, "compdef"),
    "completion fish": (0, "kexport"),
}
"""Command line -> exit code (-1: any documented one) and what is said. The order matters: a bundle is made first."""


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(root, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with kexport and no extra."""
    return installed_environment(wheel, tmp_path_factory.mktemp("base") / "env")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with an artifact of every kind, and files that look like models."""
    folder = tmp_path_factory.mktemp("work")
    write_dist(folder / "dist", TARGETS)
    with zipfile.ZipFile(folder / "m.keras", "w") as archive:
        for name in ("config.json", "metadata.json", "model.weights.h5"):
            archive.writestr(name, '{"keras_version": "3.15.0"}')
    (folder / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    (folder / "functions.py").write_text("def build(): ...\n")
    return folder


def kexport(python: Path, folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "kexport", *line.split()]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120, env={"PATH": "/usr/bin:/bin"}
    )


@pytest.mark.slow
def test_every_command_of_the_base_install_says_what_it_lacks(base: Path, folder: Path, root: Path) -> None:
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    wrong = []
    for line, (code, text) in COMMANDS.items():
        done = kexport(base, folder, line)
        said = done.stdout + done.stderr
        extras = {e for found in re.findall(r"kexport\[([\w,-]+)\]", said) for e in found.split(",")}
        problems = [
            *([f"exit code {done.returncode}"] if done.returncode not in (CODES if code < 0 else {code}) else []),
            *([f"does not say {text!r}"] if text not in said else []),
            *(["a traceback"] if "Traceback" in said else []),
            *(f"there is no extra {e}" for e in sorted(extras) if not re.search(rf"(?m)^{e} = \[", project)),
        ]
        if problems:
            wrong.append(f"kexport {line}: {', '.join(problems)}\n{said[-600:]}")
    assert not wrong, "\n\n".join(wrong)


def test_every_command_is_tried() -> None:
    from kexport.cli.main import COMMANDS as known

    assert {line.split()[0] for line in COMMANDS} >= set(known)


@pytest.mark.slow
def test_an_install_with_onnx_alone_verifies(wheel: Path, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    python = installed_environment(wheel, tmp_path / "env", ["onnx"])
    done = kexport(python, folder, "inspect dist/net.mlpackage")
    assert (done.returncode, "pip install 'kexport[coreml]'" in done.stderr) == (3, True), done.stderr
    for line, text in (
        ("inspect dist/net.onnx", "image"),
        ("verify dist/net.onnx", "net: 1 verified"),
        ("bench dist/net.onnx --runs 2", "net: 1 timed"),
    ):
        done = kexport(python, folder, line)
        assert done.returncode == 0, done.stderr
        assert text in done.stdout
    done = subprocess.run([python, "-c", "import tensorflow"], capture_output=True, check=False)
    assert done.returncode == 1, "the environment is not as bare as it should be"
