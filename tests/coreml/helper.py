"""Exports a graph to Core ML, and reads programs back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kexport_shared.mil
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.lowered import lower_for
from kexport_coreml import TARGET
from kexport_coreml.border import Border
from kexport_coreml.options import CoremlOptions
from kexport_coreml.reader import read_contract, read_model

UNSUPPORTED = {
    "bit_and": "no operations on the bits of integers",
    "bit_or": "no operations on the bits of integers",
    "bit_xor": "no operations on the bits of integers",
    "max_pool-i32": "pools floats only",
    "reduce_max-empty": "no tensors without elements",
    "slice-empty": "no tensors without elements",
    "dims-none": "no tensors without elements",
    "reshape-expand": "up to 5 axes",
}
"""Cases that Core ML has no form for, and what the error says."""


def export(graph: Graph, path: Path, **options: Any) -> Path:
    """Legalize a copy of `graph`, write and validate it."""
    lower_for(TARGET, CoremlOptions(**options), graph).write(path)
    TARGET.validate(path)
    return path


def run(path: Path, inputs: Mapping[str, Array], mode: str = "float32") -> dict[str, Array]:
    """The outputs of an artifact in the evaluator of ML programs."""
    border = Border(read_model(path), read_contract(path))
    return border.leave(kexport_shared.mil.load(path).run(border.enter(inputs), mode=mode))


def operations(path: Path) -> list[Any]:
    """The operations of a package, constants too, and those in blocks behind the one that runs them."""
    (block,) = read_model(path).mlProgram.functions["main"].block_specializations.values()
    return list(_walk(block))


def _walk(block: Any) -> Iterator[Any]:
    for operation in block.operations:
        yield operation
        for inner in operation.blocks:
            yield from _walk(inner)


def kinds(path: Path) -> Counter[str]:
    """How often each operation occurs, but for constants."""
    return Counter(o.type for o in operations(path) if o.type != "const")
