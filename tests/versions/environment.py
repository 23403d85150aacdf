"""Environments of their own for pairs of Keras and TensorFlow, with kexport and its extras as pip resolves them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.versions.pairs import Pair

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "versions"
EXTRAS = "tensorflow,onnx,tflite,coreml"
BUILD = ("hatchling>=1.27,<2", "editables>=0.5,<1")
SECONDS = 1200
"""For pip: TensorFlow is hundreds of megabytes."""


class UnreachableError(Exception):
    """An environment that cannot be made here, and why."""


def environment(pair: Pair) -> Path:
    """The Python of the pair's environment; made if it is not there, or of other requirements.

    Raises:
        UnreachableError: there is no Python for it, or pip reaches no index, or finds no place for all.
    """
    place = place_of(pair)
    if not is_ready(pair):
        shutil.rmtree(place, ignore_errors=True)
        _run([_interpreter(pair), "-m", "venv", str(place)])
        _pip(place, *BUILD)
        wanted = f"{ROOT}[{EXTRAS}]"
        _pip(place, "--no-build-isolation", "-e", wanted, f"keras=={pair.keras}.*", f"tensorflow=={pair.tensorflow}.*")
        (place / ".ready").write_text(_requirements(), encoding="utf-8")
    return place / "bin" / "python"


def place_of(pair: Pair) -> Path:
    """The folder of the pair's environment."""
    return FOLDER / f"keras-{pair.keras}-tensorflow-{pair.tensorflow}"


def is_ready(pair: Pair) -> bool:
    """Whether the environment is there, as the requirements are now."""
    ready = place_of(pair) / ".ready"
    return ready.exists() and ready.read_text(encoding="utf-8") == _requirements()


def _requirements() -> str:
    """What the environment has to hold, as text."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [project["optional-dependencies"][name] for name in EXTRAS.split(",")]
    return json.dumps([project["dependencies"], extras, project["entry-points"]])


def _interpreter(pair: Pair) -> str:
    """A Python of the version that is wanted, or this one where TensorFlow may have wheels for it too."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{pair.python}.*/bin/python"))
    for name in (f"python{pair.python}", *map(str, kept)):
        found = shutil.which(name)
        if found and not subprocess.run([found, "-c", "import ssl, venv"], capture_output=True, check=False).returncode:
            return found
    return sys.executable


def _pip(place: Path, *arguments: str) -> None:
    _run([str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *arguments])


def _run(command: list[str]) -> None:
    variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, env=variables)
    except subprocess.TimeoutExpired as e:
        raise UnreachableError(f"{' '.join(command[:4])} … took more than {SECONDS} s") from e
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise UnreachableError(" ".join(lines)[-400:] or f"{command[0]} ended with exit code {done.returncode}")
