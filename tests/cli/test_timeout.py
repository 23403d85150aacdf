"""--timeout holds for what is read, in every command that reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run


def slow(*_: Any, **__: Any) -> Any:
    while True:
        with suppress(Exception):
            time.sleep(60)


@pytest.fixture
def slow_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Capturing takes for ever."""
    monkeypatch.setattr("kexport.capture.capturing.capture", slow)


def quick(run: Callable[[], Any]) -> Any:
    start = time.monotonic()
    result = run()
    assert time.monotonic() - start < 10
    return result


@pytest.mark.usefixtures("slow_models")
@pytest.mark.parametrize("args", [("inspect",), ("inspect", "--optimize"), ("export", "--to", "savedmodel")])
def test_a_model_that_takes_for_ever(run: Run, args: tuple[str, ...], tmp_path: Path) -> None:
    model = tmp_path / "m.keras"
    out = ("-o", str(tmp_path / "dist")) if args[0] == "export" else ()
    result = quick(lambda: run(args[0], str(model), *args[1:], *out, "--timeout", "1"))
    assert result.exit_code == 2
    assert f"{model}: reading the model takes longer than 1 s\n  hint: allow more with --timeout" in result.stderr


def test_an_artifact_that_takes_for_ever(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kexport.reading._damage", slow)
    (tmp_path / "m.onnx").write_bytes(b"x")
    result = quick(lambda: run("inspect", str(tmp_path / "m.onnx"), "--timeout", "1"))
    assert result.exit_code == 2
    assert "reading the artifact takes longer than 1 s" in result.stderr


@pytest.mark.parametrize("command", ["verify", "serve"])
def test_a_folder_that_takes_for_ever(run: Run, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("kexport.workflows.verifying"), "read_manifest", slow)
    (tmp_path / "kexport.json").write_text("{}")
    result = quick(lambda: run(command, str(tmp_path), "--timeout", "1"))
    assert result.exit_code == 1
    assert "reading the manifest and the reference takes longer than 1 s" in result.stderr


def test_the_limit_has_limits(run: Run) -> None:
    for seconds in ("0", "nan", "inf", "1e300", "-1"):
        assert run("inspect", "m.keras", "--timeout", seconds).exit_code == 3, seconds
