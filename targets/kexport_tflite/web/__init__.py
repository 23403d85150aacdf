"""LiteRT.js in a headless browser, when `kexport verify --browser` asks for it."""

from __future__ import annotations

from pathlib import Path

from kexport.errors import NotApplicable
from kexport.ir.types import DType
from kexport.target import Session
from kexport_shared.js.browser import BrowserEngine
from kexport_shared.js.engine import EngineSession
from kexport_shared.js.npm import Packages
from kexport_shared.js.page import PageRuntime, VisitorEngine
from kexport_tflite.reader import read_contract

HERE = Path(__file__).parent
PACKAGES = Packages("tflite", HERE)
_TAKEN = (DType.F32, DType.I32, DType.U8)
"""The element types that LiteRT.js takes and gives."""


class LitertWeb(PageRuntime):
    """LiteRT.js on WebAssembly."""

    name = "litert-web-wasm"
    extra = "tflite"
    packages = PACKAGES
    library = "@litertjs/core"
    module = HERE / "engine.mjs"
    switches = ("--disable-gpu",)

    def decline(self, path: Path) -> None:
        """Raise NotApplicable where LiteRT.js takes too little: no dynamic sizes, and few element types."""
        contract = read_contract(path)
        ports = (*contract.inputs, *contract.outputs)
        if not all(p.type.is_static for p in ports):
            raise NotApplicable("LiteRT.js takes no dynamic sizes; export with --dim batch=1 for it")
        strange = sorted({str(p.type.dtype) for p in ports if p.type.dtype not in _TAKEN})
        if strange:
            raise NotApplicable(f"LiteRT.js takes and gives no {', '.join(strange)}")

    def open(self, engine: BrowserEngine | VisitorEngine, path: Path) -> Session:
        contract = read_contract(path)
        stored = {p.name: p.type.dtype.numpy for p in contract.inputs}
        return EngineSession(engine, engine.mount(path.absolute().parent) + path.name, contract, stored)
