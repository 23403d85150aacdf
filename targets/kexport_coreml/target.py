"""The Core ML target."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kexport.ir.contract import Contract
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.types import DType
from kexport.names import suggest
from kexport.rewrite import Log
from kexport.target import UNHELD, Held, Runtime, Span, Target, all_nodes
from kexport_coreml.classifier import add_classifier, make_classifier
from kexport_coreml.description import FLOAT32_KEY, IMAGES_KEY, PRECISION_KEY, add_metadata, build_model
from kexport_coreml.emission import Emission, emit
from kexport_coreml.emit import EMIT
from kexport_coreml.float16 import keep_float32, overflowing_layers
from kexport_coreml.images import bound_contract, read_images
from kexport_coreml.legalize import RULES, legalize
from kexport_coreml.lint import validate
from kexport_coreml.options import CoremlOptions
from kexport_coreml.reader import read_contract
from kexport_coreml.refs import Ref
from kexport_coreml.runtime import CoremlCpu, CoremlGpu, CoremlNeuralEngine, CoremlRuntime, MilEvaluator
from kexport_coreml.schemes import SCHEMES
from kexport_coreml.spans import plan_sizes, read_sizes
from kexport_coreml.writer import add_program, main_block, write_package

SHOWN = 8
"""How many layers a remark names."""


class CoremlTarget(Target):
    """ML programs in packages, for Core ML on Apple's systems."""

    name = "coreml"
    title = "Core ML"
    suffix = ".mlpackage"
    extra = "coreml"
    options = CoremlOptions
    emitters = EMIT
    rules = RULES

    def missing(self) -> list[str]:
        return [] if find_spec("coremltools") else ["coremltools"]

    def legalize(self, graph: Graph, options: CoremlOptions, log: Log | None = None) -> None:
        legalize(graph, options, log)

    def adapt(
        self, graph: Graph, options: CoremlOptions, measure: Callable[[], Mapping[Value, float]]
    ) -> CoremlOptions:
        """Layers whose values leave the range of float16 on the data are computed in float32."""
        if options.precision != "float16":
            return options
        layers = overflowing_layers(graph, measure(), set(_kept(graph, options)))
        return replace(options, float32="|".join((*options.wide, *layers)))

    def spans(self, contract: Contract, options: Mapping[str, Any]) -> Mapping[str, Span]:
        return read_sizes(options["sizes"], options["limit"]).spans(contract.symbols)

    def holds(self, scheme: str, op: str, options: CoremlOptions) -> Held:
        if scheme == UNHELD.scheme:
            return Held(scheme)
        found = SCHEMES[options.ios].get(scheme, UNHELD)
        return Held(found.scheme, found.because if found.scheme != scheme else "")

    def remarks(self, graph: Graph, options: CoremlOptions) -> Sequence[str]:
        layers = _layers(_kept(graph, options))
        shown = ", ".join(layers[:SHOWN]) + (f" and {len(layers) - SHOWN} more" if len(layers) > SHOWN else "")
        found = [f"computed in float32, being beyond the range of float16: {shown}"] if layers else []
        return [*_strangers(graph, options), *found]

    def write(self, graph: Graph, contract: Contract, path: Path, options: CoremlOptions) -> None:
        images = read_images(options.images, options.scale, options.bias)
        contract = bound_contract(contract, graph, images)
        emission, kept = _emitted(graph, contract, options)
        sizes = plan_sizes(graph, read_sizes(options.sizes, options.limit))
        colors = {
            r.name: images[v.name] for r, v in zip(emission.inputs, graph.inputs, strict=True) if v.name in images
        }
        model = build_model(emission, sizes, options.ios, colors)
        weights = add_program(model, emission, options.ios)
        classifier = make_classifier(options.labels, options.scores, _named(contract, emission))
        if classifier:
            add_classifier(main_block(model), model.description, classifier)
        add_metadata(
            model.description,
            contract,
            emission.names,
            {
                PRECISION_KEY: options.precision,
                FLOAT32_KEY: _layers(kept),
                IMAGES_KEY: {name: image.to_json() for name, image in images.items()},
            },
        )
        for name, text in options.shown.items():
            setattr(model.description.metadata, name, text)
        write_package(path, model, weights)

    def tensors(self, graph: Graph, contract: Contract, options: CoremlOptions) -> dict[Value, str]:
        images = read_images(options.images, options.scale, options.bias)
        return _emitted(graph, bound_contract(contract, graph, images), options)[0].tensors

    def validate(self, path: Path) -> None:
        validate(path)

    def read_contract(self, path: Path) -> Contract:
        return read_contract(path)

    def runtimes(self) -> Sequence[Runtime]:
        """Core ML itself, on a Mac also with some of its compute units only; and the evaluator."""
        mac = (CoremlCpu(), CoremlGpu(), CoremlNeuralEngine()) if sys.platform == "darwin" else ()
        return CoremlRuntime(), *mac, MilEvaluator()


def _emitted(graph: Graph, contract: Contract, options: CoremlOptions) -> tuple[Emission, list[Node]]:
    """The program, and the nodes that float32 is kept for."""
    kept = _kept(graph, options)
    half = options.precision == "float16"
    return emit(graph, contract, EMIT, options.ios, DType.F16 if half else DType.F32, kept), kept


def _kept(graph: Graph, options: CoremlOptions) -> list[Node]:
    """The nodes that are computed in float32 although the rest is in float16."""
    return keep_float32(graph, options.ios, options.wide) if options.precision == "float16" else []


def _strangers(graph: Graph, options: CoremlOptions) -> list[str]:
    """A sentence for each name in the option `float32` that no layer of the graph has."""
    known = {node.origin for node in all_nodes(graph)}
    names = [name for name in options.wide if name not in known]
    return [f"coreml.float32 names {n!r}, no layer of the graph; {suggest(n, sorted(known), 'layers')}" for n in names]


def _layers(nodes: Sequence[Node]) -> list[str]:
    return list(dict.fromkeys(node.origin for node in nodes))


def _named(contract: Contract, emission: Emission) -> list[tuple[str, Ref]]:
    return [(port.name, ref) for port, ref in zip(contract.outputs, emission.outputs, strict=True)]
