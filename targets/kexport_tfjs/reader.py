"""Reads graph models back: to check them, and to tell their contract."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from kexport.errors import EmitError, GraphError
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import Dim, symbol
from kexport.ir.types import DType, TensorType
from kexport_graphdef.dtypes import BY_NAME
from kexport_tfjs.dialect import TFJS
from kexport_tfjs.known import KNOWN_OPS
from kexport_tfjs.writer import MODEL

_BYTES = {"float32": 4, "int32": 4, "bool": 1, "float16": 2, "uint16": 2, "uint8": 1}


def load_document(path: Path) -> dict[str, Any]:
    """The parsed `model.json`.

    Raises:
        EmitError: it is missing or damaged.
    """
    try:
        document = json.loads((path / MODEL).read_text(encoding="utf-8"))
        if document["format"] != "graph-model":
            raise EmitError("this is no graph model", where=str(path))
        return document
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise EmitError(f"this is no graph model: {type(e).__name__}: {e}", where=str(path)) from e


def validate(path: Path) -> None:
    """Check what TensorFlow.js itself finds out late or never.

    That every op is known, every operand exists, every output has a tensor of its own, constants and manifest agree,
    and the shards hold exactly the bytes that the manifest lists.

    Raises:
        EmitError: names what is wrong.
    """
    document = load_document(path)
    try:
        nodes = {node["name"]: node for node in document["modelTopology"]["node"]}
        problems = [*_graph_problems(document, nodes), *_weight_problems(path, document, nodes)]
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise EmitError(f"model.json is damaged: {type(e).__name__}: {e}", where=str(path)) from e
    if problems:
        raise EmitError("; ".join(problems), where=str(path))


def _graph_problems(document: Mapping[str, Any], nodes: Mapping[str, Any]) -> list[str]:
    listed = document["modelTopology"]["node"]
    found = [] if len(nodes) == len(listed) else ["two nodes have one name"]
    found += [f"TensorFlow.js has no op {n['op']!r} ({n['name']})" for n in listed if n["op"] not in KNOWN_OPS]
    for node in listed:
        lost = [i for i in node.get("input", ()) if i.split(":")[0].lstrip("^") not in nodes]
        found += [f"{node['name']} reads {name}, which does not exist" for name in lost]
    ports = [i["name"].split(":")[0] for part in ("inputs", "outputs") for i in document["signature"][part].values()]
    found += [f"the signature names {name}, which does not exist" for name in ports if name not in nodes]
    return found if len(set(ports)) == len(ports) else [*found, "two inputs or outputs are one tensor"]


def _weight_problems(path: Path, document: Mapping[str, Any], nodes: Mapping[str, Any]) -> list[str]:
    (group,) = document["weightsManifest"]
    weights = {w["name"]: w for w in group["weights"]}
    consts = {name for name, node in nodes.items() if node["op"] == "Const"}
    found = [f"weight {name} is in the graph or the manifest alone" for name in sorted(consts ^ weights.keys())]
    wanted = sum(prod(w["shape"]) * _BYTES[w.get("quantization", w)["dtype"]] for w in weights.values())
    there = [path / name for name in group["paths"]]
    found += [f"{file.name} is missing" for file in there if not file.is_file()]
    size = sum(file.stat().st_size for file in there if file.is_file())
    return found if size == wanted else [*found, f"the shards hold {size} bytes, the manifest lists {wanted}"]


def read_contract(path: Path) -> Contract:
    """Names, order and dims as the signature has them; element types that stand for others as the metadata says.

    Raises:
        EmitError: the file is damaged.
    """
    document = load_document(path)
    try:
        kept = document.get("userDefinedMetadata", {}).get("kexport", {}).get("contract")
        own = Contract.from_json(kept) if kept else Contract((), ())
        parts = document["signature"]
        inputs = _ports(parts["inputs"], own.inputs)
        return Contract(inputs, _ports(parts["outputs"], own.outputs), own.input_structure, own.output_structure)
    except (KeyError, TypeError, ValueError, AttributeError, GraphError) as e:
        raise EmitError(f"the signature is damaged: {e}", where=str(path)) from e


def stored_types(path: Path) -> dict[str, DType]:
    """The element types that the artifact's own inputs have, by name."""
    return {name: BY_NAME[i["dtype"]] for name, i in load_document(path)["signature"]["inputs"].items()}


def node_names(path: Path) -> set[str]:
    """The names of all nodes."""
    return {node["name"] for node in load_document(path)["modelTopology"]["node"]}


def _ports(infos: Mapping[str, Any], own: tuple[Port, ...]) -> tuple[Port, ...]:
    known = {p.name: p.type for p in own}
    return tuple(Port(name, _type(info, known.get(name), name)) for name, info in infos.items())


def _type(info: Mapping[str, Any], own: TensorType | None, name: str) -> TensorType:
    sizes = [int(d["size"]) for d in info["tensorShape"].get("dim", ())]
    dtype, dims = BY_NAME[info["dtype"]], list[Dim]()
    same = own is not None and own.rank == len(sizes)
    for axis, size in enumerate(sizes):
        mine = own.shape[axis] if own is not None and same else symbol(f"dim_{axis}")
        dims.append(size if size >= 0 else mine if not isinstance(mine, int) else symbol(f"dim_{axis}"))
    stands_for = own is not None and TFJS.stored(own.dtype) is dtype
    return TensorType(own.dtype if own is not None and stands_for else dtype, tuple(dims))
