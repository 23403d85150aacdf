"""A small folder of artifacts, made from a graph without Keras, and its bundle. Tests only read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kexport.replay.pack import bundle
from tests.replay.dist import write_dist


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the ONNX, TF Lite and TensorFlow.js artifacts of a small net, and the reference."""
    return write_dist(tmp_path_factory.mktemp("replay") / "dist", ("onnx", "tflite", "tfjs"))


@pytest.fixture(scope="session")
def dist(made: Path) -> Path:
    """The folder, for tests that read it."""
    return made


@pytest.fixture(scope="session")
def check(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder as a bundle."""
    path = tmp_path_factory.mktemp("bundle") / "check.zip"
    bundle(made, path)
    return path
