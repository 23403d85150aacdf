"""Emits a kept graph to every target and takes the hashes of the files."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kexport.errors import KexportError
from kexport.ir.contract import Contract
from kexport.ir.graph import Graph
from kexport.lowered import lower_for, optimize
from kexport.target import find_target

Hashes = Mapping[str, str]
"""The SHA-256 of each file by its path; `REFUSED` alone if the target refuses the model."""
REFUSED = {"refused": ""}

VARIANTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "onnx": ("onnx", {}),
    "onnx opset 18": ("onnx", {"opset": 18}),
    "tflite": ("tflite", {}),
    "tflite float16": ("tflite", {"precision": "float16"}),
    "coreml": ("coreml", {}),
    "coreml float16": ("coreml", {"precision": "float16"}),
    "tfjs": ("tfjs", {}),
    "savedmodel": ("savedmodel", {}),
}
"""What is emitted, by name: a target and its options."""


class Kept(NamedTuple):
    """A captured graph by the name of its model."""

    name: str
    graph: Graph
    contract: Contract


def emit_all(kept: Kept) -> dict[str, Hashes]:
    """The hashes by variant."""
    optimized = optimize(kept.graph)
    return {variant: _emit(variant, kept, optimized) for variant in VARIANTS}


def _emit(variant: str, kept: Kept, optimized: Graph) -> Hashes:
    name, given = VARIANTS[variant]
    target = find_target(name)
    options = target.options(**given)
    with tempfile.TemporaryDirectory() as folder:
        try:
            lower_for(target, options, optimized, kept.contract).write(Path(folder) / f"m{target.suffix}")
        except KexportError:
            return REFUSED
        return hash_files(Path(folder))


def hash_files(folder: Path) -> Hashes:
    """The SHA-256 of every file below a folder."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
