"""TensorFlow.js in Node and in a browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, ClassVar

from kexport.errors import NotApplicable
from kexport.target import Runtime, Session
from kexport_shared.js.browser import BrowserEngine
from kexport_shared.js.engine import Engine, EngineSession, NodeEngine, TappedSession
from kexport_shared.js.npm import Packages
from kexport_shared.js.page import PageRuntime, VisitorEngine
from kexport_tfjs.reader import node_names, read_contract, shards, stored_types

HERE = Path(__file__).parent
PACKAGES = Packages("tfjs", HERE)
INSTALL = "kexport doctor --install tfjs"
LIBRARY = "@tensorflow/tfjs"
MAX_PLAIN = 16 << 20
"""Bytes of weights above which plain JavaScript would take minutes."""
MAX_SOFTWARE = 96 * 96 * 3
"""Elements of one example above which WebGPU without a GPU would take minutes."""


def open_session(engine: Engine, path: Path, place: str, tensors: Sequence[str] | None = None) -> EngineSession:
    """Load a graph model in an engine, which finds it at `place`; it gives its outputs, or inner `tensors`."""
    shards(path)
    stored = {name: dtype.numpy for name, dtype in stored_types(path).items()}
    if tensors is None:
        return EngineSession(engine, place, read_contract(path), stored)
    known = node_names(path)
    found = [name for name in dict.fromkeys(tensors) if name.partition(":")[0] in known]
    return TappedSession(engine, place, read_contract(path), stored, tensors=found)


class NodeRuntime(Runtime):
    """TensorFlow.js in a Node process, on one backend."""

    extra = "tfjs"
    starts_anew = True
    max_threads = 1
    backend: ClassVar[str]

    @property
    def how_to_install(self) -> str:
        return INSTALL

    def version(self) -> str | None:
        return PACKAGES.version(LIBRARY)

    def start(self) -> Engine:
        """A process that can load one model after the other."""
        return NodeEngine(HERE / "js" / "node.mjs", PACKAGES.folder, {"backend": self.backend})

    def load(self, path: Path, threads: int = 1) -> Session:
        return open_session(self.start(), path, str(path.absolute()))

    def tap(self, path: Path, tensors: Sequence[str], threads: int = 1) -> Session:
        return open_session(self.start(), path, str(path.absolute()), tensors)


class NodeCpu(NodeRuntime):
    """Plain JavaScript."""

    name = "tfjs-node-cpu"
    backend = "cpu"

    def load(self, path: Path, threads: int = 1) -> Session:
        """Load a model that is not too large.

        Raises:
            NotApplicable: it is; the wasm backend runs the same kernels' twins.
        """
        size = sum(file.stat().st_size for file in path.glob("*.bin"))
        if size > MAX_PLAIN:
            raise NotApplicable(f"plain JavaScript would take minutes for {size >> 20} MiB of weights")
        return super().load(path, threads)


class NodeWasm(NodeRuntime):
    """WebAssembly with SIMD, one thread."""

    name = "tfjs-node-wasm"
    backend = "wasm"


class BrowserRuntime(PageRuntime):
    """TensorFlow.js in a headless Chrome or Chromium, on one backend."""

    extra = "tfjs"
    packages = PACKAGES
    library = LIBRARY
    module = HERE / "js" / "browser.mjs"
    backend: ClassVar[str]
    flags: ClassVar[dict[str, Any]] = {}
    """Flags of TensorFlow.js."""

    def settings(self, threads: int) -> Mapping[str, Any]:
        return {"backend": self.backend, "threads": threads, "flags": self.flags}

    def open(self, engine: BrowserEngine | VisitorEngine, path: Path) -> Session:
        return open_session(engine, path, engine.mount(path.absolute()))

    def tap(self, path: Path, tensors: Sequence[str], threads: int = 1) -> Session:
        engine = self.start(threads)
        return open_session(engine, path, engine.mount(path.absolute()), tensors)


class BrowserWasm(BrowserRuntime):
    """WebAssembly with SIMD, and threads if more than one is asked for."""

    name = "tfjs-browser-wasm"
    backend = "wasm"
    switches = ("--disable-gpu",)


class BrowserWebgl(BrowserRuntime):
    """WebGL: on the GPU, or in software where there is none."""

    name = "tfjs-browser-webgl"
    backend = "webgl"
    budget = 1e-5
    switches = ("--enable-unsafe-swiftshader",)

    def open(self, engine: BrowserEngine | VisitorEngine, path: Path) -> Session:
        """Load a model, where WebGL has single precision.

        Raises:
            NotApplicable: it has not, as on many phones.
        """
        if engine.about.get("half") and not self.flags:
            raise NotApplicable(f"WebGL has half precision here, which {BrowserWebglHalf.name} judges")
        return super().open(engine, path)


class BrowserWebglHalf(BrowserWebgl):
    """WebGL with textures of half precision, as phones have them."""

    name = "tfjs-browser-webgl-half"
    precision = "float16"
    budget = 5e-3
    flags: ClassVar[dict[str, Any]] = {"WEBGL_FORCE_F16_TEXTURES": True}


class BrowserWebgpu(BrowserRuntime):
    """WebGPU: on the GPU, or in software where there is none."""

    name = "tfjs-browser-webgpu"
    backend = "webgpu"
    budget = 1e-5
    switches = ("--enable-unsafe-webgpu", "--enable-unsafe-swiftshader", "--enable-features=Vulkan")

    def open(self, engine: BrowserEngine | VisitorEngine, path: Path) -> Session:
        """Load a model that is small enough for WebGPU without a GPU.

        Raises:
            NotApplicable: it is.
        """
        inputs = [p.type.shape for p in read_contract(path).inputs]
        largest = max((prod(d for d in shape if isinstance(d, int)) for shape in inputs), default=0)
        if engine.about.get("software") and largest > MAX_SOFTWARE:
            raise NotApplicable(f"WebGPU without a GPU would take minutes for inputs of {largest} elements")
        return super().open(engine, path)
