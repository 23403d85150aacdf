"""Faults in SavedModels, read and written with TensorFlow's own messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kexport.ir.op import Array
from tests.faults.edits import Inapplicable
from tests.faults.file_fault import FileEdit, FileFault, removed, truncations
from tests.faults.graphdef_nodes import Node, node_faults
from tests.faults.stored import weight_faults

MODEL = "saved_model.pb"
NOTES = "assets.extra/kexport.json"


def _load(path: Path) -> Any:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    return SavedModel.FromString((path / MODEL).read_bytes())


def _save(path: Path, model: Any) -> None:
    (path / MODEL).write_bytes(model.SerializeToString())


def _nodes(path: Path, change: Callable[[list[Node]], str]) -> str:
    """By way of the JSON form; constants stay as they are."""
    from google.protobuf.json_format import MessageToDict, ParseDict

    model = _load(path)
    nodes = model.meta_graphs[0].graph_def.node
    forms = [MessageToDict(n) for n in nodes]
    before = json.dumps(forms)
    where = change(forms)
    for node, form, old in zip(nodes, forms, json.loads(before), strict=True):
        if form != old:
            node.Clear()
            ParseDict(form, node)
    _save(path, model)
    return where


def _signature(change: Callable[[Any], None]) -> FileEdit:
    def edit(path: Path) -> str:
        model = _load(path)
        change(model.meta_graphs[0].signature_def["serving_default"])
        _save(path, model)
        return "serving_default"

    return edit


def _outputs_swapped(signature: Any) -> None:
    infos = signature.outputs
    for a in infos:
        for b in infos:
            if a < b and infos[a].dtype == infos[b].dtype and infos[a].tensor_shape == infos[b].tensor_shape:
                infos[a].name, infos[b].name = infos[b].name, infos[a].name
                return
    raise Inapplicable


def _output_renamed(signature: Any) -> None:
    name = next(iter(signature.outputs))
    signature.outputs["output_0"].CopyFrom(signature.outputs[name])
    del signature.outputs[name]


def _fixed(signature: Any) -> None:
    for info in signature.inputs.values():
        info.tensor_shape.dim[0].size = 1


def _order_of_notes(path: Path) -> str:
    notes = json.loads((path / NOTES).read_text(encoding="utf-8"))
    outputs = notes["contract"]["outputs"]
    if len(outputs) < 2:
        raise Inapplicable
    outputs.reverse()
    (path / NOTES).write_text(json.dumps(notes), encoding="utf-8")
    return NOTES


def _noted(path: Path) -> str:
    (path / "assets.extra" / "readme.txt").write_text("seen by another tool")
    model = _load(path)
    model.meta_graphs[0].meta_info_def.tags.append("other")
    model.meta_graphs[0].meta_info_def.tags.remove("other")
    model.meta_graphs[0].meta_info_def.tensorflow_git_version = "none"
    _save(path, model)
    return NOTES


def _read(path: Path) -> list[tuple[str, Array]]:
    found: list[tuple[str, Array]] = []
    for node in _load(path).meta_graphs[0].graph_def.node:
        tensor = node.attr["value"].tensor
        if node.op == "Const" and tensor.dtype == 1:
            array = np.frombuffer(tensor.tensor_content, "<f4").copy()
            found.append((node.name, array.reshape([d.size for d in tensor.tensor_shape.dim])))
    return found


def _write(path: Path, arrays: Mapping[str, Array]) -> None:
    model = _load(path)
    for node in model.meta_graphs[0].graph_def.node:
        if node.name in arrays:
            node.attr["value"].tensor.tensor_content = arrays[node.name].tobytes()
    _save(path, model)


TABLE = (
    *weight_faults(_read, _write),
    *(f for f in node_faults(_nodes) if f.name != "epsilon in the file"),  # norms are written in parts
    *truncations("saved_model.pb", lambda path: path / MODEL),
    FileFault("notes of the contract missing", removed(lambda path: path / NOTES), declared=True),
    FileFault("output names swapped in the file", _signature(_outputs_swapped)),
    FileFault("output renamed in the file", _signature(_output_renamed), declared=True),
    FileFault("batch fixed in the file", _signature(_fixed), declared=True),
    FileFault("outputs reordered in the file", _order_of_notes, declared=True),
    FileFault("notes added to the file", _noted, harmless=True),
)
