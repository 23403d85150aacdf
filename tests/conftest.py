"""Options and fixtures that every room shares."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from samples.digits import Trained

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's own log; read when it is imported


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the expectations of text tests, for review")


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return Path(__file__).parent.parent


@pytest.fixture(scope="session")
def digits() -> Trained:
    """The sample CNN, trained once for all tests, with its held-out images."""
    from samples.digits import train

    return train()


@pytest.fixture(scope="session")
def digits_file(digits: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample CNN as a `.keras` file, with `samples.npz` beside it."""
    from samples.digits import save

    return save(digits, tmp_path_factory.mktemp("digits"))
