"""Small artifacts with what they have to give, for an ONNX Runtime that this environment does not have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kexport import ops
from kexport.errors import KexportError
from kexport.ir.dim import symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.types import DType, TensorType
from kexport_onnx.reader import read_facts
from tests.onnx import nets, test_dtypes, test_nets, test_ops
from tests.onnx.helper import export
from tests.ops.cases import CASES

ROUNDING = 4e-6
"""Of a float32 result, relative to its greatest magnitude: old kernels sum up in another order."""
_EPS = {DType.F16: 2**-9, DType.BF16: 2**-6, DType.F64: 1e-14}
_LACKING = {DType.BF16}
"""Types that numpy has no arrays of, so that no other environment can be given them."""

_RECURRENT: dict[Any, tuple[int, int, int]] = {ops.SimpleRnn: (1, 1, 1), ops.Gru: (3, 1, 2), ops.Lstm: (4, 2, 1)}
"""Gates, states and biases of recurrent ops."""

Case = tuple[str, Graph, Mapping[str, Array]]


def of_ops() -> Iterator[Case]:
    """Every op alone, with open sizes and with fixed ones."""
    for case in [*CASES, *test_ops.WORDS]:
        for static in (False, True):
            yield f"{case.id} {'fixed' if static else 'open'}", case.graph(static=static), case.inputs()


def of_types() -> Iterator[Case]:
    """Every op in every element type that it takes."""
    for form, dtype in test_dtypes.CASES:
        if dtype not in _LACKING and (form, dtype) not in test_dtypes.REFUSED:
            yield f"{form} {dtype}", *test_dtypes.graph_of(form, dtype)


def of_masks() -> Iterator[Case]:
    """Recurrent ops with masks, also of sequences in which no step is live."""
    batch = symbol("batch")
    length = symbol("length")
    masks = {"none": np.zeros((3, 5), bool), "some": np.eye(3, 5, dtype=bool), "all": np.ones((3, 5), bool)}
    for kind, (gates, states, biases) in _RECURRENT.items():
        rng = np.random.default_rng(0)
        shapes = [(4, 3 * gates), (3, 3 * gates), *[(3 * gates,)] * biases]
        graph = Graph(kind.name)
        x = graph.input("x", TensorType(DType.F32, (batch, length, 4)))
        mask = graph.input("mask", TensorType(DType.BOOL, (batch, length)))
        state = [graph.add(ops.Full((batch, 3), 0.0, DType.F32)).output] * states
        weights = [graph.constant(rng.standard_normal(s).astype(np.float32)) for s in shapes]
        for i, value in enumerate(graph.add(kind(), x, *state, *weights, mask).outputs):
            graph.output(f"y{i}", value)
        sequences = rng.standard_normal((3, 5, 4)).astype(np.float32)
        for name, live in masks.items():
            yield f"masked {kind.name} {name}", graph, {"x": sequences, "mask": live}


def of_nets() -> Iterator[Case]:
    """Small nets with weights."""
    for make in nets.NETS:
        graph = make()
        yield f"net {make.__name__}", graph, test_nets.images(graph, test_nets.SIZES[0])


def write_cases(folder: Path, cases: Iterator[Case], **options: Any) -> list[dict[str, Any]]:
    """Write artifacts, inputs and outputs with an index; what cannot be exported with these options is in it too."""
    index: list[dict[str, Any]] = []
    for name, graph, inputs in cases:
        path = folder / f"{len(index)}.onnx"
        entry = {"name": name, "path": f"{len(index)}.onnx"}
        try:
            export(graph, path, **options)
        except KexportError as e:
            index.append(entry | {"refused": str(e)})
            continue
        expected = evaluate(graph, inputs, wide=True)
        loose = {o.name: _EPS.get(o.value.type.dtype, ROUNDING) for o in graph.outputs}
        loose = dict.fromkeys(loose, max([*loose.values(), *(_EPS.get(i.type.dtype, 0) for i in graph.inputs)]))
        _save(path, inputs, expected)
        index.append(entry | {"rounding": loose, "runtime": read_facts(path)["onnxruntime"]})
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return index


def _save(path: Path, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
    plain = {f"in/{k}": v for k, v in inputs.items()} | {f"out/{k}": v for k, v in outputs.items()}
    arrays: dict[str, Any] = {k: v.astype(str) if v.dtype == object else v for k, v in plain.items()}
    np.savez(path.with_suffix(".npz"), **arrays)
