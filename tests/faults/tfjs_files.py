"""Faults in graph models of TensorFlow.js: in `model.json` and in the shards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from kexport.ir.op import Array
from tests.faults.edits import Inapplicable
from tests.faults.file_fault import FileEdit, FileFault, at_file, removed, truncations
from tests.faults.graphdef_nodes import Node, node_faults
from tests.faults.stored import weight_faults

Change = Callable[[Any], Any]
MODEL = "model.json"


def _edited(change: Change) -> FileEdit:
    """`model.json` with a change made to its document."""

    def edit(path: Path) -> str:
        document = json.loads((path / MODEL).read_text(encoding="utf-8"))
        where = change(document)
        (path / MODEL).write_text(json.dumps(document), encoding="utf-8")
        return str(where or "")

    return edit


def _nodes(path: Path, change: Callable[[list[Node]], str]) -> str:
    return _edited(lambda document: change(document["modelTopology"]["node"]))(path)


def _shard(path: Path) -> Path:
    return next(iter(sorted(path.glob("*.bin"))), path / "none.bin")


def _places(path: Path) -> dict[str, tuple[int, dict[str, Any]]]:
    """Where each weight begins in the one shard, and its entry."""
    (group,) = json.loads((path / MODEL).read_text(encoding="utf-8"))["weightsManifest"]
    found = dict[str, tuple[int, dict[str, Any]]]()
    position = 0
    for entry in group["weights"]:
        found[entry["name"]] = position, entry
        position += prod(entry["shape"]) * np.dtype(entry.get("quantization", entry)["dtype"]).itemsize
    return found


def _read(path: Path) -> list[tuple[str, Array]]:
    data = _shard(path).read_bytes()
    found = list[tuple[str, Array]]()
    for name, (start, entry) in _places(path).items():
        if entry["dtype"] == "float32" and "quantization" not in entry:
            array = np.frombuffer(data, "<f4", prod(entry["shape"]), start)
            found.append((name, array.reshape(entry["shape"]).copy()))
    return found


def _write(path: Path, arrays: Mapping[str, Array]) -> None:
    data = bytearray(_shard(path).read_bytes())
    places = _places(path)
    for name, array in arrays.items():
        start = places[name][0]
        data[start : start + array.nbytes] = array.tobytes()
    _shard(path).write_bytes(data)


def _signature(part: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> FileEdit:
    def edit(document: Any) -> None:
        ports = document["signature"][part]
        changed = change(ports)
        if list(changed.items()) == list(ports.items()):
            raise Inapplicable
        document["signature"][part] = changed

    return _edited(edit)


def _values_swapped(ports: dict[str, Any]) -> dict[str, Any]:
    """Two outputs point at each other's tensors."""
    for a in ports:
        for b in ports:
            if a < b and ports[a]["dtype"] == ports[b]["dtype"] and ports[a]["tensorShape"] == ports[b]["tensorShape"]:
                return ports | {a: ports[a] | {"name": ports[b]["name"]}, b: ports[b] | {"name": ports[a]["name"]}}
    raise Inapplicable


def _turned(ports: dict[str, Any]) -> dict[str, Any]:
    return dict(reversed(ports.items()))


def _renamed(ports: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}_0": port for name, port in ports.items()}


def _fixed(ports: dict[str, Any]) -> dict[str, Any]:
    changed = json.loads(json.dumps(ports))
    for port in changed.values():
        port["tensorShape"]["dim"][0]["size"] = "1"
    return changed


def _retyped(ports: dict[str, Any]) -> dict[str, Any]:
    name = next(iter(ports))
    kinds = {"DT_FLOAT": "DT_INT32", "DT_INT32": "DT_FLOAT", "DT_BOOL": "DT_INT32"}
    return ports | {name: ports[name] | {"dtype": kinds[ports[name]["dtype"]]}}


def _entries_swapped(document: Any) -> str:
    """Two weights of one shape in the wrong order in the manifest."""
    weights = document["weightsManifest"][0]["weights"]
    for i, a in enumerate(weights):
        for b in weights[:i]:
            if a["shape"] == b["shape"] and a["dtype"] == b["dtype"] and a["dtype"] == "float32" and a["shape"]:
                a["name"], b["name"] = b["name"], a["name"]
                return f"{a['name']}, {b['name']}"
    raise Inapplicable


def _first_entry_last(document: Any) -> None:
    weights = document["weightsManifest"][0]["weights"]
    weights.append(weights.pop(0))


def _shards(turned: bool) -> FileEdit:
    """The one shard in two files, listed in the right or in the wrong order."""

    def edit(path: Path) -> str:
        data = _shard(path).read_bytes()
        cut = _shard(path).stat().st_size // 8 * 4
        _shard(path).unlink()
        for name, part in (("a.bin", data[:cut]), ("b.bin", data[cut:])):
            (path / name).write_bytes(part)

        def change(document: Any) -> None:
            document["weightsManifest"][0]["paths"] = ["b.bin", "a.bin"] if turned else ["a.bin", "b.bin"]

        return _edited(change)(path)

    return edit


def _quantization(change: Callable[[dict[str, Any]], dict[str, Any]]) -> FileEdit:
    """Other numbers for the largest reduced weight."""

    def edit(document: Any) -> str:
        reduced = [w for w in document["weightsManifest"][0]["weights"] if "quantization" in w]
        if not reduced:
            raise Inapplicable
        weight = max(reduced, key=lambda w: prod(w["shape"]))
        weight["quantization"] |= change(weight["quantization"])
        return weight["name"]

    return _edited(edit)


def _noted(document: Any) -> None:
    document["generatedBy"] = "another tool"
    document["userDefinedMetadata"]["note"] = "none"


def _indented(path: Path) -> str:
    document = json.loads((path / MODEL).read_text(encoding="utf-8"))
    (path / MODEL).write_text(json.dumps(dict(reversed(document.items())), indent=4), encoding="utf-8")
    return MODEL


TABLE = (
    *weight_faults(_read, _write),
    *node_faults(_nodes),
    *truncations("shard", _shard),
    *truncations("model.json", lambda path: path / MODEL)[:3],
    FileFault("shard missing", removed(_shard), wild=True),
    FileFault("shard shifted by one element", at_file(_shard, lambda d: bytes(4) + d[:-4])),
    FileFault("shards in the wrong order", _shards(turned=True)),
    FileFault("entries of the manifest swapped", _edited(_entries_swapped)),
    FileFault("first weight listed last", _edited(_first_entry_last), wild=True),
    FileFault("outputs reordered in the file", _signature("outputs", _turned), declared=True),
    FileFault("output names swapped in the file", _signature("outputs", _values_swapped)),
    FileFault("output renamed in the file", _signature("outputs", _renamed), declared=True),
    FileFault("input renamed in the file", _signature("inputs", _renamed), declared=True),
    FileFault("batch fixed in the file", _signature("inputs", _fixed), declared=True),
    FileFault("output type in the file", _signature("outputs", _retyped), declared=True),
    FileFault("shard in two files", _shards(turned=False), harmless=True),
    FileFault("notes added to the file", _edited(_noted), harmless=True),
    FileFault("file in another layout", _indented, harmless=True),
)

REDUCED = (
    FileFault("scale of stored integers", _quantization(lambda q: {"scale": q["scale"] * 1.5})),
    FileFault("scale of another weight", _quantization(lambda q: {"scale": q["scale"] * 2})),
    FileFault("least value of stored integers lost", _quantization(lambda q: {"min": 0.0})),
    FileFault(
        "zero point off by a tenth of the range",
        _quantization(lambda q: {"min": q["min"] + 0.1 * q["scale"] * (255 if q["dtype"] == "uint8" else 65535)}),
    ),
    FileFault("integers of the other sign", at_file(_shard, lambda d: d[:-200] + bytes(255 - b for b in d[-200:]))),
    *truncations("reduced shard", _shard),
)
"""Faults in weights that are stored as integers with a scale and a least value."""
