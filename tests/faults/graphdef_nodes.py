"""Faults in TensorFlow's graphs, in their JSON form, which graph models of TF.js and SavedModels share."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.edits import Inapplicable
from tests.faults.file_fault import FileEdit, FileFault

Node = dict[str, Any]
Edited = Callable[[Path, Callable[[list[Node]], str]], str]
"""Lets a function change the nodes of an artifact; returns what it returns."""
OTHERS = {
    "AddV2": "Sub", "Sub": "AddV2", "Mul": "AddV2", "Sigmoid": "Tanh", "Tanh": "Sigmoid", "Maximum": "Minimum",
    "Max": "Min", "Mean": "Sum", "MaxPool": "AvgPool", "Relu6": "Relu", "Elu": "Relu", "Selu": "Elu", "Exp": "Square",
    "Less": "Greater", "Softplus": "Sigmoid", "ResizeBilinear": "ResizeNearestNeighbor", "ArgMax": "ArgMin",
}  # fmt: skip
"""Ops and others that take the same operands."""


def text(value: str) -> str:
    """A string attribute as the JSON form has it."""
    return base64.b64encode(value.encode()).decode()


def node_faults(edited: Edited) -> tuple[FileFault, ...]:
    """All of them, for one format."""

    def attribute(name: str, change: Callable[[Any], Any], *kinds: str) -> FileEdit:
        """Another value of an attribute, in the last node that has it and where it differs."""

        def edit(nodes: list[Node]) -> str:
            for node in reversed(nodes):
                value = node.get("attr", {}).get(name)
                if value is None or node["op"] == "Const" or (kinds and node["op"] not in kinds):
                    continue
                changed = change(value)
                if changed is not None and changed != value:
                    node["attr"][name] = changed
                    return f"{node['op']} {node['name']}"
            raise Inapplicable

        return lambda path: edited(path, edit)

    def whole(change: Callable[[list[Node]], str]) -> FileEdit:
        return lambda path: edited(path, change)

    return (
        FileFault("padding in the file", attribute("padding", _other_padding)),
        FileFault("explicit padding turned in the file", attribute("explicit_paddings", _numbers(_turned))),
        FileFault("strides off by one in the file", attribute("strides", _numbers(_more))),
        FileFault("dilations lost in the file", attribute("dilations", _numbers(lambda d: [1] * len(d)))),
        FileFault("smaller window in the file", attribute("ksize", _numbers(lambda k: [max(1, n - 1) for n in k]))),
        FileFault("epsilon in the file", attribute("epsilon", lambda e: {"f": e["f"] * 1.1})),
        FileFault("slope in the file", attribute("alpha", lambda a: {"f": a["f"] * 1.01})),
        FileFault("transposed product in the file", attribute("transpose_b", _flag)),
        FileFault("adjoint product in the file", attribute("adj_y", _flag)),
        FileFault("half pixels lost in the file", attribute("half_pixel_centers", lambda h: {"b": False})),
        FileFault("exclusive sum in the file", attribute("exclusive", lambda h: {"b": True})),
        FileFault("reversed sum in the file", attribute("reverse", lambda h: {"b": True})),
        FileFault("border repeats its edge in the file", attribute("mode", lambda m: {"s": text("SYMMETRIC")})),
        FileFault("other operator in the file", whole(_other_kind)),
        FileFault("operands swapped in the file", whole(_operands_swapped)),
        FileFault("activation bypassed in the file", whole(_bypassed)),
        FileFault("operand of another node in the file", whole(_other_operand)),
    )


def _flag(value: Any) -> Any:
    return {"b": not value.get("b", False)}


def _numbers(change: Callable[[list[int]], list[int]]) -> Callable[[Any], Any]:
    def changed(value: Any) -> Any:
        return {"list": {"i": [str(n) for n in change([int(n) for n in value["list"]["i"]])]}}

    return changed


def _turned(pads: list[int]) -> list[int]:
    return [n for pair in zip(pads[1::2], pads[::2], strict=True) for n in pair]


def _more(strides: list[int]) -> list[int]:
    return [strides[0], *(s + 1 for s in strides[1:-1]), strides[-1]]


def _other_padding(value: Any) -> Any:
    return {text("SAME"): {"s": text("VALID")}, text("VALID"): {"s": text("SAME")}}.get(value["s"])


def _other_kind(nodes: list[Node]) -> str:
    for node in reversed(nodes):
        if node["op"] in OTHERS:
            was = node["op"]
            node["op"] = OTHERS[node["op"]]
            return f"{was} {node['name']}"
    raise Inapplicable


def _operands_swapped(nodes: list[Node]) -> str:
    for node in reversed(nodes):
        inputs = node.get("input", [])
        if node["op"] in ("Sub", "RealDiv", "ConcatV2", "BatchMatMulV2") and inputs[0] != inputs[1]:
            inputs[0], inputs[1] = inputs[1], inputs[0]
            return f"{node['op']} {node['name']}"
    raise Inapplicable


def _bypassed(nodes: list[Node]) -> str:
    kinds = ("Tanh", "Sigmoid", "Relu", "Relu6", "Elu", "Selu", "Softmax", "Softplus", "Exp", "LeakyRelu")
    for node in reversed(nodes):
        if node["op"] in kinds:
            was = node["op"]
            node["op"] = "Identity"
            node["attr"] = {"T": node["attr"]["T"]}
            return f"{was} {node['name']}"
    raise Inapplicable


def _other_operand(nodes: list[Node]) -> str:
    """A sum of two results takes one of them twice."""
    consts = {n["name"] for n in nodes if n["op"] == "Const"}
    for node in reversed(nodes):
        inputs = node.get("input", [])
        if node["op"] in ("AddV2", "Mul", "Maximum") and inputs[0] != inputs[1] and not consts & set(inputs):
            inputs[1] = inputs[0]
            return f"{node['op']} {node['name']}"
    raise Inapplicable
