"""Reads graph models back: their contract, their element types, their nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kexport.errors import EmitError, GraphError
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import Dim, symbol
from kexport.ir.types import DType, TensorType
from kexport.paths import inside
from kexport_shared.graphdef.dtypes import BY_NAME
from kexport_tfjs.context import TFJS
from kexport_tfjs.writer import MODEL


def load_document(path: Path) -> dict[str, Any]:
    """The parsed `model.json`.

    Raises:
        EmitError: it is missing or damaged.
    """
    try:
        document = json.loads(inside(path, MODEL, EmitError).read_text(encoding="utf-8"))
        if document["format"] != "graph-model":
            raise EmitError("this is no graph model", where=str(path))
        return document
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise EmitError(f"this is no graph model: {type(e).__name__}: {e}", where=str(path)) from e


def shards(path: Path) -> list[Path]:
    """The files with the weights, in their order. An engine opens each of them, and would follow any address.

    Raises:
        EmitError: one lies outside of the folder, or the list of them is damaged.
    """
    groups = load_document(path).get("weightsManifest")
    if not isinstance(groups, list) or not all(
        isinstance(g, dict) and isinstance(g.get("paths"), list) for g in groups
    ):
        raise EmitError("the list of its weights is damaged", where=str(path))
    return [inside(path, name, EmitError) for group in groups for name in group["paths"]]


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
    dtype = BY_NAME[info["dtype"]]
    dims = list[Dim]()
    same = own is not None and own.rank == len(sizes)
    for axis, size in enumerate(sizes):
        mine = own.shape[axis] if own is not None and same else symbol(f"dim_{axis}")
        dims.append(size if size >= 0 else mine if not isinstance(mine, int) else symbol(f"dim_{axis}"))
    stands_for = own is not None and TFJS.stored(own.dtype) is dtype
    return TensorType(own.dtype if own is not None and stands_for else dtype, tuple(dims))
