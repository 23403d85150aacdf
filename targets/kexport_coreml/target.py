"""The Core ML target."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from kexport.ir.contract import Contract
from kexport.ir.graph import Graph, Node
from kexport.ir.types import DType
from kexport.passes.channels_first import ChannelsFirst
from kexport.target import Runtime, Target
from kexport_coreml.context import Context
from kexport_coreml.description import add_metadata, build_model
from kexport_coreml.emission import emit
from kexport_coreml.emit import EMITTERS
from kexport_coreml.float16 import keep_float32
from kexport_coreml.legalize import legalize
from kexport_coreml.lint import validate
from kexport_coreml.options import CoremlOptions
from kexport_coreml.package import build_program, write_package
from kexport_coreml.reader import read_contract
from kexport_coreml.runtime import CoremlCpu, CoremlGpu, CoremlNeuralEngine, CoremlRuntime, MilEvaluator
from kexport_coreml.sizes import plan_sizes, read_sizes


@EMITTERS(ChannelsFirst)
def _channels_first(e: Context, node: Node) -> None:
    """By the op inside."""
    assert isinstance(node.op, ChannelsFirst)
    EMITTERS.emitters[type(node.op.op)](e, node)


class CoremlTarget(Target):
    """ML programs in packages, for Core ML on Apple's systems."""

    name = "coreml"
    title = "Core ML"
    suffix = ".mlpackage"
    extra = "coreml"
    options = CoremlOptions
    emitters = EMITTERS

    def missing(self) -> list[str]:
        return [] if find_spec("coremltools") else ["coremltools"]

    def legalize(self, graph: Graph, options: CoremlOptions) -> None:
        legalize(graph, options)

    def write(self, graph: Graph, contract: Contract, path: Path, options: CoremlOptions) -> None:
        plan = read_sizes(options.sizes, options.limit)
        half = options.precision == "float16"
        kept = keep_float32(graph) if half else []
        emission = emit(graph, contract, EMITTERS, options.ios, DType.F16 if half else DType.F32, kept)
        model = build_model(emission, plan_sizes(graph, plan), options.ios)
        add_metadata(model, contract, emission, options.precision, list(dict.fromkeys(n.origin for n in kept)))
        program, weights = build_program(emission.program, emission.inputs, emission.outputs, options.ios)
        model.mlProgram.CopyFrom(program)
        write_package(path, model, weights)

    def validate(self, path: Path) -> None:
        validate(path)

    def read_contract(self, path: Path) -> Contract:
        return read_contract(path)

    def runtimes(self) -> Sequence[Runtime]:
        """Core ML itself, on a Mac also with some of its compute units only; and the evaluator."""
        mac = (CoremlCpu(), CoremlGpu(), CoremlNeuralEngine()) if sys.platform == "darwin" else ()
        return CoremlRuntime(), *mac, MilEvaluator()
