"""`kexport report` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import kexport.workflows
from kexport.verify.status import Status
from tests.cli.conftest import Run
from tests.report.dist import add_model, verdict


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    add_model(tmp_path / "dist", "a", [verdict("onnx", Status.VERIFIED), verdict("tflite", Status.FAILED, error=0.5)])
    add_model(tmp_path / "dist", "b", [verdict("onnx", Status.VERIFIED)])
    return tmp_path / "dist"


def test_it_says_what_was_written(run: Run, dist: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "r.html")
    result = run("report", str(dist), "-o", out)
    assert result.stdout == f"{out}: a: 1 verified, 1 failed\n{out}: b: 1 verified\n"
    assert result.exit_code == 0
    assert "</html>" in Path(out).read_text()
    assert run("report", str(dist), "-o", out, "-q").output == ""


def test_json(run: Run, dist: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "r.html")
    assert json.loads(run("report", str(dist), "-o", out, "--name", "b", "--json").stdout) == {
        "path": out,
        "models": {"b": {"onnx": "verified"}},
    }


def test_layers_of_all_models_are_located_first(run: Run, dist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def locate(path: str, *, name: str, timeout: float, model: Any, trust: bool, progress: Any, **rest: Any) -> Any:
        calls.append((name, timeout, model, trust))
        return SimpleNamespace(exit_code=int(name == "a"))

    monkeypatch.setattr(kexport.workflows, "locate", locate)
    args = ["--locate", "--timeout", "9", "--model", "m.keras", "--trust", "-o", str(dist / "r.html")]
    assert run("report", str(dist), *args).exit_code == 1
    assert calls == [("a", 9, "m.keras", True), ("b", 9, "m.keras", True)]
    assert run("report", str(dist), *args, "--name", "b").exit_code == 0


@pytest.mark.parametrize("args", [["--model", "m.keras"], ["--trust"], ["--dim", "batch=1"]])
def test_options_of_locate_need_it(run: Run, dist: Path, args: list[str]) -> None:
    result = run("report", str(dist), *args)
    assert result.exit_code == 3
    assert "belong to --locate\n  hint: add --locate" in result.stderr


def test_no_folder(run: Run, tmp_path: Path) -> None:
    result = run("report", str(tmp_path))
    assert result.exit_code == 3
    assert "there is no kexport.json here" in result.stderr
