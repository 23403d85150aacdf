"""Environments of their own for releases of ONNX Runtime: real wheels, with the numpy that they were built for."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from kexport_onnx.versions import Release, parse_release

FOLDER = Path("build")
NUMPY_2 = Release(1, 19)
"""The first release that is built for numpy 2."""


class UnreachableError(Exception):
    """An environment that cannot be made here, and why."""


def environment(version: str, folder: Path = FOLDER) -> Path:
    """The Python of an environment with this release of ONNX Runtime; made if it is not there.

    Raises:
        UnreachableError: pip finds no such wheel for this Python, or reaches no index.
    """
    place = folder / f"onnxruntime-{version}"
    python = place / "bin" / "python"
    ready = place / ".ready"
    if not ready.exists():
        venv.create(place, with_pip=True, clear=True)
        numpy = "numpy>=1.26,<3" if parse_release(version) >= NUMPY_2 else "numpy>=1.26,<2"
        _install(python, f"onnxruntime=={version}.*", numpy)
        ready.touch()
    return python


def _install(python: Path, *packages: str) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--prefer-binary"]
    done = subprocess.run([*command, *packages], capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        raise UnreachableError(f"pip cannot install {packages[0]} for {version}: {' '.join(lines)[:300]}")
