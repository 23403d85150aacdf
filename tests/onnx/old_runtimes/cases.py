"""Small artifacts with what they have to give, for an ONNX Runtime that this environment does not have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kexport.errors import KexportError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport_onnx.reader import read_facts
from tests.onnx import nets, test_dtypes, test_nets, test_ops
from tests.onnx.helper import export
from tests.ops.cases import CASES

ROUNDING = 4e-6
"""Of a float32 result, relative to its greatest magnitude: old kernels sum up in another order."""
_EPS = {DType.F16: 2**-9, DType.BF16: 2**-6, DType.F64: 1e-14}
_LACKING = {DType.BF16}
"""Types that numpy has no arrays of, so that no other environment can be given them."""

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


def of_nets() -> Iterator[Case]:
    """Small nets with weights."""
    for make in nets.NETS:
        graph = make()
        yield f"net {make.__name__}", graph, test_nets.images(graph, test_nets.SIZES[0])


def write_cases(folder: Path, cases: Iterator[Case], **options: Any) -> list[dict[str, Any]]:
    """Write artifacts, inputs and outputs with an index; what cannot be exported with these options is in it too."""
    index: list[dict[str, Any]] = []
    for name, graph, inputs in cases:
        path, entry = folder / f"{len(index)}.onnx", {"name": name, "path": f"{len(index)}.onnx"}
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
