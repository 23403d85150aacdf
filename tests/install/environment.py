"""Environments with kexport's wheel, its dependencies and some of its extras, and nothing else. Nothing is downloaded.

The packages are linked from the environment that runs the tests.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from tests.replay.bare import bare_python

_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^]]*\])?[^;]*(?:;(.*))?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")


def build_wheel(root: Path, folder: Path) -> Path:
    """The wheel of the project."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        pytest.skip(f"the wheel cannot be built here: {done.stderr.strip()[-200:]}")
    (wheel,) = folder.glob("*.whl")
    return wheel


def installed_environment(wheel: Path, folder: Path, extras: Iterable[str] = ()) -> Path:
    """The Python of a new environment in which the wheel is installed with some of its extras."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
        requirements = [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist: ")]
        python = bare_python(folder, sorted(closure(requirements, set(extras))))
        site = next((folder / "lib").glob("python3*")) / "site-packages"
        archive.extractall(site)
    return python


def closure(requirements: Iterable[str], extras: set[str]) -> set[str]:
    """The packages that requirements bring, with all that those require in turn, as far as they are installed here."""
    found: set[str] = set()
    waiting = [name for r in requirements if (name := _wanted(r, extras))]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            required = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add(name)
        waiting += [other for r in required if (other := _wanted(r, set()))]
    return found


def _wanted(requirement: str, extras: set[str]) -> str:
    """The name of the package, if the requirement is for the base or for one of the extras."""
    match = _REQUIREMENT.match(requirement)
    extra = _EXTRA.search(match[2] or "") if match else None
    return match[1] if match and (extra is None or extra[1] in extras) else ""
