"""Exports a graph to ONNX and runs it in ONNX Runtime."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort

from kexport import lowered
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport_onnx import TARGET
from kexport_onnx.options import OnnxOptions


def export(graph: Graph, path: Path, optimize: bool = False, **options: Any) -> Path:
    """Legalize a copy of `graph`, write and validate it."""
    source = lowered.optimize(graph) if optimize else graph
    lowered.lower_for(TARGET, OnnxOptions(**options), source).write(path)
    TARGET.validate(path)
    return path


def run(path: Path, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of an artifact in ONNX Runtime on the CPU."""
    return TARGET.runtimes()[0].load(path).run(inputs)


def kinds(path: Path) -> Counter[str]:
    """How often each op type occurs in a file, in bodies too."""
    return Counter(n.op_type for n in all_nodes(onnx.load(path, load_external_data=False).graph))


def all_nodes(graph: Any) -> Iterator[Any]:
    """The nodes of a `GraphProto` and of the bodies that they hold."""
    for node in graph.node:
        yield node
        for body in bodies(node):
            yield from all_nodes(body)


def bodies(node: Any) -> list[Any]:
    """The graphs that a node holds, by the order of their names."""
    return [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]


def optimized_kinds(path: Path) -> Counter[str]:
    """How often each op type occurs after ONNX Runtime's own optimizations that do not depend on the processor."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(path.with_suffix(".optimized.onnx"))
    options.log_severity_level = 3
    ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return kinds(Path(options.optimized_model_filepath))
