"""Keras, loaded once."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def keras() -> Any:
    """Keras 3 on TensorFlow."""
    from kexport.capture.sources.frameworks import import_keras

    return import_keras()
