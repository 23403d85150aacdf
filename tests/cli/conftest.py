"""Runs the command line in this process, with `kexport.project` replaced where a test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kexport.cli.main import cli
from kexport.ir.contract import Contract, Port
from kexport.ir.types import TensorType
from tests.cli.fakes import FakeArtifact, FakeReport

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("export", "m.keras")` gives the result with stdout and stderr apart."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return lambda *args: CliRunner().invoke(cli, args)


@pytest.fixture
def contract() -> Contract:
    """One image in, ten probabilities out."""
    image, probs = TensorType.parse("f32[batch,8,8,1]"), TensorType.parse("f32[batch,10]")
    return Contract((Port("image", image),), (Port("probs", probs),), 0, 0)


@pytest.fixture
def report(contract: Contract) -> FakeReport:
    """One artifact verified, one left unchecked."""
    verified = FakeArtifact(
        "onnx", "dist/digits.onnx", 359_000, "verified", "onnxruntime-cpu", "1.31.1", 1.2e-7, 131.4, 1
    )
    valid = FakeArtifact("tflite", "dist/digits.tflite", 91, "valid", reason="ai-edge-litert is not installed")
    return FakeReport("digits", contract, (verified, valid))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, report: FakeReport) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """`export` and `verify` replaced by recorders that show progress and return `report`; gives their calls."""
    made: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def record(*args: Any, progress: Any, **kwargs: Any) -> FakeReport:
        progress("capture", "digits", None)
        progress("capture", "digits", 0.5)
        progress("verify", "onnx", 1.0)
        made.append((args, kwargs))
        return report

    monkeypatch.setattr("kexport.project.export", record, raising=False)
    monkeypatch.setattr("kexport.project.verify", record, raising=False)
    return made


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """`raising(error)` makes `export` raise it."""

    def arrange(error: BaseException) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise error

        monkeypatch.setattr("kexport.project.export", fail, raising=False)

    return arrange
