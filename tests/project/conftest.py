"""Project files in a folder where the test stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kexport.project.find import ProjectFile, read_project

Write = Callable[[str], ProjectFile]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """`written(text)` writes kexport.toml where one stands, and reads it."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> ProjectFile:
        path = tmp_path / "kexport.toml"
        path.write_text(text, encoding="utf-8")
        return read_project(path)

    return write
