"""The ONNX target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kexport.ir.contract import Contract
from kexport.ir.graph import Graph, Value
from kexport.rewrite import Log
from kexport.target import Runtime, Target
from kexport_onnx.emission import emit, refuse_lacking, tensor_names
from kexport_onnx.emit import EMIT
from kexport_onnx.external import external_files
from kexport_onnx.legalize import RULES, legalize
from kexport_onnx.lint import validate
from kexport_onnx.options import OnnxOptions
from kexport_onnx.reader import read_contract, read_facts
from kexport_onnx.runtime import OnnxRuntimeCpu, OnnxRuntimeCuda
from kexport_onnx.schemes import SCHEMES
from kexport_onnx.web import PACKAGES, OnnxRuntimeWeb
from kexport_onnx.writer import write_model


class OnnxTarget(Target):
    """ONNX files, for ONNX Runtime and everything else that reads them."""

    name = "onnx"
    title = "ONNX"
    suffix = ".onnx"
    extra = "onnx"
    options = OnnxOptions
    computes_in_integers = True
    emitters = EMIT
    rules = RULES
    schemes = SCHEMES

    def missing(self) -> list[str]:
        return [] if find_spec("onnx") else ["onnx"]

    def legalize(self, graph: Graph, options: OnnxOptions, log: Log | None = None) -> None:
        legalize(graph, options, log)
        refuse_lacking(graph, options, EMIT)

    def write(self, graph: Graph, contract: Contract, path: Path, options: OnnxOptions) -> None:
        model, body, weights = emit(graph, contract, options, EMIT)
        write_model(path, model, body, weights, options.external_data)

    def tensors(self, graph: Graph, contract: Contract, options: OnnxOptions) -> dict[Value, str]:
        return tensor_names(graph, contract, options, EMIT)

    def parts(self, path: Path) -> list[Path]:
        return [path, *external_files(path)]

    def validate(self, path: Path) -> None:
        validate(path)

    def read_contract(self, path: Path) -> Contract:
        return read_contract(path)

    def facts(self, path: Path) -> Mapping[str, Any]:
        """The opset, the file version and the first ONNX Runtime that runs it."""
        facts = read_facts(path)
        runtime = facts.get("onnxruntime")
        return facts | ({"runs_in": f"ONNX Runtime {runtime} or newer"} if runtime else {})

    def runtimes(self) -> Sequence[Runtime]:
        return OnnxRuntimeCpu(), OnnxRuntimeCuda(), OnnxRuntimeWeb()

    def install(self) -> str:
        """Install the pinned npm package; returns where."""
        return str(PACKAGES.install())
