"""Fixtures: the toy model's reference and artifact."""

from __future__ import annotations

from pathlib import Path

import pytest

from kexport.evidence.batches import make_batches
from kexport.evidence.reference_file import Environment, Reference
from kexport.verify.record import record
from tests import toy


@pytest.fixture(scope="session")
def reference() -> Reference:
    """The toy model on five batches."""
    environment = Environment("toy", "cpu", "a processor", "", {"numpy": "2"}, {"tf32": "off"}, "abc")
    return record(toy.CONTRACT, toy.graph(), make_batches(toy.CONTRACT), toy.keras, environment)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """The toy model as a file of the toy target."""
    return toy.save_weights(tmp_path / "toy.json", toy.weights())
