"""The package file, the lock and the public names agree with the tree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import kexport

NAME = re.compile(r"[\w.-]+")


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def locked(root: Path) -> list[str]:
    """The lock's requirements, each with its hashes."""
    text = (root / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_target_is_packaged_and_registered(project: dict[str, Any], root: Path) -> None:
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    entries = project["project"]["entry-points"]["kexport.targets"].values()
    names = [p.parent.name for p in (root / "targets").glob("*/__init__.py") if "TARGET" in p.read_text("utf-8")]
    assert names
    for name in names:
        assert f"targets/{name}" in packages
        assert f"{name}:TARGET" in entries


def test_every_requirement_has_an_upper_bound(project: dict[str, Any]) -> None:
    groups = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    requirements = [r for group in groups for r in group if not r.startswith("kexport[")]
    assert [r for r in requirements if "<" not in r and "==" not in r] == []


def test_lock_pins_everything_with_hashes_and_names_no_index(project: dict[str, Any], root: Path) -> None:
    lines = locked(root)
    assert [line for line in lines if "==" not in line or "--hash=sha256:" not in line] == []
    assert "://" not in (root / "requirements.lock").read_text(encoding="utf-8")


def test_lock_covers_what_the_tests_need(project: dict[str, Any], root: Path) -> None:
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for extra in ("tensorflow", "jax", "onnx", "tflite", "peers", "dev"):
        wanted += extras[extra]
    pinned = {normal(line.split("==")[0]) for line in locked(root)}
    assert {normal(m[0]) for r in wanted if (m := NAME.match(r))} - pinned == set()


def test_public_names_resolve() -> None:
    for name in kexport.__all__:
        assert getattr(kexport, name) is not None
        assert name in dir(kexport)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        kexport.nonsense  # noqa: B018  # pyright: ignore
