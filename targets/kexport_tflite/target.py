"""The TF Lite target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kexport.ir.contract import Contract
from kexport.ir.graph import Graph, Value
from kexport.rewrite import Log
from kexport.target import Runtime, Target
from kexport_tflite.emission import emit, tensor_names
from kexport_tflite.emit import EMIT
from kexport_tflite.legalize import RULES, legalize
from kexport_tflite.lint import validate
from kexport_tflite.metadata import add_metadata, append_files
from kexport_tflite.micro.c_array import SOURCES
from kexport_tflite.micro.finishing import finish
from kexport_tflite.micro.runtime import Tflm
from kexport_tflite.options import TfliteOptions
from kexport_tflite.reader import read_contract
from kexport_tflite.runtime import LitertCompiled, LitertReference, LitertXnnpack
from kexport_tflite.schemes import SCHEMES
from kexport_tflite.web import PACKAGES, LitertWeb
from kexport_tflite.writer import write_model

_PACKAGES = {"ai_edge_litert": "ai-edge-litert", "flatbuffers": "flatbuffers"}


class TfliteTarget(Target):
    """TF Lite files, for LiteRT on phones, boards and computers."""

    name = "tflite"
    title = "TF Lite"
    suffix = ".tflite"
    extra = "tflite"
    unread = SOURCES
    options = TfliteOptions
    computes_in_integers = True
    emitters = EMIT
    rules = RULES
    schemes = SCHEMES

    def missing(self) -> list[str]:
        return [package for module, package in _PACKAGES.items() if find_spec(module) is None]

    def legalize(self, graph: Graph, options: TfliteOptions, log: Log | None = None) -> None:
        legalize(graph, options, log)

    def write(self, graph: Graph, contract: Contract, path: Path, options: TfliteOptions) -> None:
        EMIT.check(graph)
        model = emit(graph, contract, half_weights=options.precision == "float16")
        files = add_metadata(model, contract, options)
        write_model(model, path)
        append_files(path, files)

    def finish(self, path: Path, options: TfliteOptions) -> Mapping[str, Any]:
        """Write sources for TFLite Micro and run Vela, where the options ask for it; its facts."""
        return finish(path, read_contract(path), options)

    def tensors(self, graph: Graph, contract: Contract, options: TfliteOptions) -> dict[Value, str]:
        return tensor_names(graph, contract, half_weights=options.precision == "float16")

    def validate(self, path: Path) -> None:
        validate(path)

    def read_contract(self, path: Path) -> Contract:
        return read_contract(path)

    def runtimes(self) -> Sequence[Runtime]:
        return LitertXnnpack(), LitertReference(), LitertCompiled(), Tflm(), LitertWeb()

    def install(self) -> str:
        """Install the pinned npm package; returns where."""
        return str(PACKAGES.install())
