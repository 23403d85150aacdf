"""The SavedModel target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kexport.ir.contract import Contract
from kexport.ir.graph import Graph, Value
from kexport.rewrite import Log
from kexport.target import Runtime, Target
from kexport_savedmodel.emission import emit
from kexport_savedmodel.emit import EMIT
from kexport_savedmodel.legalize import RULES, legalize
from kexport_savedmodel.lint import validate
from kexport_savedmodel.options import SavedModelOptions
from kexport_savedmodel.reader import read_contract
from kexport_savedmodel.runtime import TensorFlowCpu
from kexport_savedmodel.schemes import SCHEMES
from kexport_savedmodel.writer import write_model


class SavedModelTarget(Target):
    """SavedModels with the weights in the graph, for TensorFlow Serving and TensorFlow."""

    name = "savedmodel"
    title = "TensorFlow SavedModel"
    suffix = ".savedmodel"
    extra = "savedmodel"
    options = SavedModelOptions
    emitters = EMIT
    rules = RULES
    schemes = SCHEMES

    def missing(self) -> list[str]:
        return []

    def legalize(self, graph: Graph, options: SavedModelOptions, log: Log | None = None) -> None:
        legalize(graph, options, log)

    def write(self, graph: Graph, contract: Contract, path: Path, options: SavedModelOptions) -> None:
        write_model(path, emit(graph, contract), contract)

    def tensors(self, graph: Graph, contract: Contract, options: SavedModelOptions) -> dict[Value, str]:
        return {value: ref.name for value, ref in emit(graph, contract).values.items()}

    def validate(self, path: Path) -> None:
        validate(path)

    def read_contract(self, path: Path) -> Contract:
        return read_contract(path)

    def runtimes(self) -> Sequence[Runtime]:
        return (TensorFlowCpu(),)
