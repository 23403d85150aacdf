"""The TensorFlow.js target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kexport.ir.contract import Contract
from kexport.ir.graph import Graph, Value
from kexport.rewrite import Log
from kexport.target import Runtime, Target
from kexport_tfjs.emission import emit
from kexport_tfjs.emit import EMIT
from kexport_tfjs.legalize import RULES, legalize
from kexport_tfjs.lint import validate
from kexport_tfjs.options import TfjsOptions
from kexport_tfjs.reader import read_contract, shards
from kexport_tfjs.runtime import (
    PACKAGES,
    BrowserWasm,
    BrowserWebgl,
    BrowserWebglHalf,
    BrowserWebgpu,
    NodeCpu,
    NodeWasm,
)
from kexport_tfjs.schemes import SCHEMES
from kexport_tfjs.writer import write_model


class TfjsTarget(Target):
    """Graph models: a folder with `model.json` and shards, for TensorFlow.js in browsers and Node."""

    name = "tfjs"
    title = "TensorFlow.js"
    suffix = ".tfjs"
    extra = "tfjs"
    options = TfjsOptions
    emitters = EMIT
    rules = RULES
    schemes = SCHEMES

    def missing(self) -> list[str]:
        return []

    def legalize(self, graph: Graph, options: TfjsOptions, log: Log | None = None) -> None:
        legalize(graph, options, log)

    def write(self, graph: Graph, contract: Contract, path: Path, options: TfjsOptions) -> None:
        write_model(path, emit(graph, contract), contract, options.precision)

    def tensors(self, graph: Graph, contract: Contract, options: TfjsOptions) -> dict[Value, str]:
        return {value: ref.name for value, ref in emit(graph, contract).values.items()}

    def parts(self, path: Path) -> list[Path]:
        return list(dict.fromkeys([*super().parts(path), *shards(path)]))

    def validate(self, path: Path) -> None:
        validate(path)

    def read_contract(self, path: Path) -> Contract:
        return read_contract(path)

    def runtimes(self) -> Sequence[Runtime]:
        return NodeWasm(), NodeCpu(), BrowserWasm(), BrowserWebgl(), BrowserWebglHalf(), BrowserWebgpu()

    def install(self) -> str:
        """Install the pinned npm packages; returns where."""
        return str(PACKAGES.install())
