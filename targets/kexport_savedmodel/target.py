"""The SavedModel target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kexport import ops
from kexport.ir.contract import Contract
from kexport.ir.graph import Graph, Value
from kexport.ir.op import Op
from kexport.target import Options, Runtime, Target
from kexport_graphdef.emission import emit
from kexport_graphdef.legalize import legalize
from kexport_graphdef.rules.window import padded_depthwise
from kexport_savedmodel.dialect import TENSORFLOW
from kexport_savedmodel.emit import EMITTERS
from kexport_savedmodel.lint import validate
from kexport_savedmodel.reader import read_contract
from kexport_savedmodel.runtime import TensorFlowCpu
from kexport_savedmodel.text import refuse_text
from kexport_savedmodel.writer import write_model

LACKING: tuple[type[Op], ...] = (ops.BatchNorm, ops.Prelu, ops.Scan)
"""Ops that TensorFlow lacks, or that grow no faster in one piece."""


class SavedModelTarget(Target):
    """SavedModels with the weights in the graph, for TensorFlow Serving and TensorFlow."""

    name = "savedmodel"
    title = "TensorFlow SavedModel"
    suffix = ".savedmodel"
    extra = "savedmodel"
    emitters = EMITTERS

    def missing(self) -> list[str]:
        return []

    def legalize(self, graph: Graph, options: Options) -> None:
        refuse_text(graph)
        legalize(graph, (), LACKING, (padded_depthwise,))

    def write(self, graph: Graph, contract: Contract, path: Path, options: Options) -> None:
        write_model(path, emit(graph, contract, TENSORFLOW, EMITTERS), contract)

    def tensors(self, graph: Graph, contract: Contract, options: Options) -> dict[Value, str]:
        return {value: ref.name for value, ref in emit(graph, contract, TENSORFLOW, EMITTERS).values.items()}

    def validate(self, path: Path) -> None:
        validate(path)

    def read_contract(self, path: Path) -> Contract:
        return read_contract(path)

    def runtimes(self) -> Sequence[Runtime]:
        return (TensorFlowCpu(),)
