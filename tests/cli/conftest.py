"""Runs the command line in this process, with `kexport.workflows` replaced where a test says so."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

import kexport.workflows
from kexport.cli.main import cli
from kexport.ir.contract import Contract, Port
from kexport.ir.types import TensorType
from kexport.workflows import ModelSummary
from kexport.workflows.inspecting import LayerSummary
from tests.cli.fakes import FakeArtifact, FakeRecorded, FakeReport

Run = Callable[..., Result]
Call = tuple[str, tuple[Any, ...], dict[str, Any]]
"""Name, positional and keyword arguments."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("export", "m.keras")` gives the result with stdout and stderr apart."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return lambda *args: CliRunner().invoke(cli, args)


@pytest.fixture
def contract() -> Contract:
    """One image in, ten probabilities out."""
    image = TensorType.parse("f32[batch,8,8,1]")
    probs = TensorType.parse("f32[batch,10]")
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
def summary(contract: Contract) -> ModelSummary:
    """Two layers, one of three ops."""
    conv = LayerSummary("block/conv", ["conv", "add", "conv"], 1_234, 4_936, "f32[batch,8,8,4]")
    return ModelSummary(
        "digits", contract, (conv, LayerSummary("pool", ["max_pool"], 0, 0, "f32[batch,4]")), "the text"
    )


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, report: FakeReport, summary: ModelSummary) -> list[Call]:
    """The functions of the project replaced by recorders that have their signatures and return fakes; their calls."""
    made: list[Call] = []

    def recorder(name: str, result: Any) -> Callable[..., Any]:
        signature = inspect.signature(getattr(kexport.workflows, name))

        def record(*args: Any, **kwargs: Any) -> Any:
            signature.bind(*args, **kwargs)
            if progress := kwargs.pop("progress", None):
                progress("capture", "digits", None)
                progress("capture", "digits", 0.5)
                progress("verify", "onnx", 1.0)
            made.append((name, args, kwargs))
            return result

        return record

    results = {"export": report, "verify": report, "record_reference": FakeRecorded(), "inspect_model": summary}
    for name, result in results.items():
        monkeypatch.setattr(kexport.workflows, name, recorder(name, result))
    return made


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """`raising(error)` makes `export` raise it."""

    def arrange(error: BaseException) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise error

        monkeypatch.setattr("kexport.workflows.export", fail, raising=False)

    return arrange
