"""Engines that all tests of the target share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kexport_shared.js.engine import Engine
from kexport_tfjs.runtime import NodeCpu, NodeWasm

NOT_INSTALLED = "the npm packages are not installed: kexport doctor --install tfjs"


def _engine(runtime: NodeCpu | NodeWasm) -> Iterator[Engine]:
    if runtime.version() is None:
        pytest.skip(NOT_INSTALLED)
    engine = runtime.start()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def node_cpu() -> Iterator[Engine]:
    """A Node process on the pure JavaScript backend."""
    yield from _engine(NodeCpu())


@pytest.fixture(scope="session")
def node_wasm() -> Iterator[Engine]:
    """A Node process on the WebAssembly backend."""
    yield from _engine(NodeWasm())
