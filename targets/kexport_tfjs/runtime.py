"""TensorFlow.js in Node."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from kexport.target import Runtime, Session
from kexport_js.engine import Engine, EngineSession, NodeEngine
from kexport_js.npm import Packages
from kexport_tfjs.reader import read_contract, stored_types

HERE = Path(__file__).parent
PACKAGES = Packages("tfjs", HERE)
LIBRARY = "@tensorflow/tfjs"


def open_session(engine: Engine, path: Path, place: str) -> EngineSession:
    """Load a graph model in an engine, which finds it at `place`."""
    stored = {name: dtype.numpy for name, dtype in stored_types(path).items()}
    return EngineSession(engine, place, read_contract(path), stored)


class NodeRuntime(Runtime):
    """TensorFlow.js in a Node process, on one backend."""

    extra = "tfjs"
    backend: ClassVar[str]

    def version(self) -> str | None:
        return PACKAGES.version(LIBRARY)

    def start(self) -> Engine:
        """A process that can load one model after the other."""
        return NodeEngine(HERE / "js" / "node.mjs", PACKAGES.folder, {"backend": self.backend})

    def load(self, path: Path, threads: int = 1) -> Session:
        return open_session(self.start(), path, str(path.absolute()))


class NodeCpu(NodeRuntime):
    """Plain JavaScript."""

    name = "tfjs-node-cpu"
    backend = "cpu"


class NodeWasm(NodeRuntime):
    """WebAssembly with SIMD, one thread."""

    name = "tfjs-node-wasm"
    backend = "wasm"
