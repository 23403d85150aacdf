"""One artifact of every format, and of every form of it, made without a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kexport.ir.graph import Graph
from kexport.lowered import lower_for
from kexport.target import find_target
from tests.tfjs.nets import image_net

FORMS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "onnx": ("onnx", {}),
    "onnx with weights beside it": ("onnx", {"external_data": True}),
    "tflite": ("tflite", {}),
    "tfjs": ("tfjs", {}),
    "savedmodel": ("savedmodel", {}),
    "coreml": ("coreml", {}),
}
"""The target and its options by the name of a form."""


def write(form: str, folder: Path, graph: Graph | None = None) -> Path:
    """The artifact of a small graph in a form, written to a new folder."""
    name, options = FORMS[form]
    target = find_target(name)
    folder.mkdir(parents=True)
    path = folder / f"net{target.suffix}"
    lower_for(target, target.options(**options), graph or image_net(channels=16)).write(path)
    target.validate(path)
    return path
