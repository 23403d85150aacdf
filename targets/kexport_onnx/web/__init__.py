"""ONNX Runtime Web in a headless browser, when `kexport verify --browser` asks for it."""

from __future__ import annotations

from pathlib import Path

from kexport.errors import NotApplicable
from kexport.ir.types import DType
from kexport.target import Session
from kexport_onnx.reader import read_contract, stored_types
from kexport_shared.js.browser import BrowserEngine
from kexport_shared.js.engine import EngineSession
from kexport_shared.js.npm import Packages
from kexport_shared.js.page import PageRuntime, VisitorEngine

HERE = Path(__file__).parent
PACKAGES = Packages("onnx", HERE)


class OnnxRuntimeWeb(PageRuntime):
    """ONNX Runtime Web on WebAssembly."""

    name = "onnxruntime-web-wasm"
    extra = "onnx"
    packages = PACKAGES
    library = "onnxruntime-web"
    module = HERE / "engine.mjs"
    switches = ("--disable-gpu",)

    def decline(self, path: Path) -> None:
        """Raise NotApplicable if the weights are in another file, or inputs or outputs are text."""
        if path.with_suffix(".data").exists():
            raise NotApplicable("weights in a file beside the model are not read in a browser")
        contract = read_contract(path)
        if any(p.type.dtype is DType.STRING for p in (*contract.inputs, *contract.outputs)):
            raise NotApplicable("text is not sent to a browser")

    def open(self, engine: BrowserEngine | VisitorEngine, path: Path) -> Session:
        contract = read_contract(path)
        stored = {name: dtype.numpy for name, dtype in stored_types(path).items()}
        return EngineSession(engine, engine.mount(path.absolute().parent) + path.name, contract, stored)
