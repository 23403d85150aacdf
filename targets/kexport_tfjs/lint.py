"""Finds faults in a graph model that TensorFlow.js itself finds late or never."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kexport.errors import EmitError
from kexport.ir.types import element_count
from kexport_tfjs.known import KNOWN_OPS
from kexport_tfjs.reader import load_document, shards

_BYTES = {"float32": 4, "int32": 4, "bool": 1, "float16": 2, "uint16": 2, "uint8": 1}
_Nodes = Sequence[Mapping[str, Any]]


def validate(path: Path) -> None:
    """Check a graph model.

    That every op is known, every operand, function and result exists, every output has a tensor of its own, no two
    nodes share a name, constants and manifest agree, and the shards hold exactly the bytes that the manifest lists.

    Raises:
        EmitError: names what is wrong.
    """
    document = load_document(path)
    try:
        topology = document["modelTopology"]
        functions = topology["library"].get("function", [])
        graphs = [topology["node"], *(f["nodeDef"] for f in functions)]
        problems = [
            *_node_problems(topology["node"], (), functions),
            *_signature_problems(document),
            *(problem for f in functions for problem in _function_problems(f, functions)),
            *_weight_problems(path, document, graphs),
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise EmitError(f"model.json is damaged: {type(e).__name__}: {e}", where=str(path)) from e
    if problems:
        raise EmitError("; ".join(problems), where=str(path))


def _node_problems(nodes: _Nodes, arguments: Sequence[str], functions: _Nodes) -> list[str]:
    """What is wrong with the nodes of one graph."""
    names = [*arguments, *(n["name"] for n in nodes)]
    known = set(names)
    callable_ = {f["signature"]["name"] for f in functions}
    found = [] if len(known) == len(names) else ["two nodes have one name"]
    found += [f"TensorFlow.js has no op {n['op']!r} ({n['name']})" for n in nodes if n["op"] not in KNOWN_OPS]
    for node in nodes:
        lost = [i for i in node.get("input", ()) if i.split(":")[0].lstrip("^") not in known]
        found += [f"{node['name']} reads {name}, which does not exist" for name in lost]
        called = [a["func"]["name"] for a in node.get("attr", {}).values() if "func" in a]
        found += [f"{node['name']} calls {name}, which does not exist" for name in called if name not in callable_]
    return found


def _function_problems(function: Mapping[str, Any], functions: _Nodes) -> list[str]:
    signature = function["signature"]
    results = function["ret"]
    arguments = [a["name"] for a in signature["inputArg"]]
    found = _node_problems(function["nodeDef"], arguments, functions)
    known = {*arguments, *(n["name"] for n in function["nodeDef"])}
    wanted = [results.get(a["name"], a["name"]) for a in signature["outputArg"]]
    lost = [r for r in wanted if r.split(":")[0] not in known]
    return found + [f"{signature['name']} returns {r}, which does not exist" for r in lost]


def _signature_problems(document: Mapping[str, Any]) -> list[str]:
    names = {n["name"] for n in document["modelTopology"]["node"]}
    ports = [i["name"].split(":")[0] for part in ("inputs", "outputs") for i in document["signature"][part].values()]
    found = [f"the signature names {name}, which does not exist" for name in ports if name not in names]
    return found if len(set(ports)) == len(ports) else [*found, "two inputs or outputs are one tensor"]


def _weight_problems(path: Path, document: Mapping[str, Any], graphs: Sequence[_Nodes]) -> list[str]:
    """The constants of all graphs are in the manifest; there they lie in one table, by name."""
    (group,) = document["weightsManifest"]
    weights = {w["name"]: w for w in group["weights"]}
    consts = {n["name"] for nodes in graphs for n in nodes if n["op"] == "Const"}
    found = [f"weight {name} is in the graph or the manifest alone" for name in sorted(consts ^ weights.keys())]
    others = [n["name"] for nodes in graphs for n in nodes if n["op"] != "Const"]
    found += [f"{name} has the name of a weight" for name in others if name in weights]
    wanted = sum(element_count(w["shape"]) * _BYTES[w.get("quantization", w)["dtype"]] for w in weights.values())
    there = shards(path)
    found += [f"{file.name} is missing" for file in there if not file.is_file()]
    size = sum(file.stat().st_size for file in there if file.is_file())
    return found if size == wanted else [*found, f"the shards hold {size} bytes, the manifest lists {wanted}"]
