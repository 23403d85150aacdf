"""Writes a SavedModel: one graph with the weights as constants, and the signature `serving_default`."""

from __future__ import annotations

import json
import keyword
from pathlib import Path

import kexport
from kexport.errors import EmitError
from kexport.ir.contract import Contract, Port
from kexport_savedmodel.library import library_message
from kexport_savedmodel.messages import const_message, node_message, shape_message
from kexport_shared.graphdef.dtypes import CODES
from kexport_shared.graphdef.emission import Emitted, static_shape
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.wire import Message, entry

MODEL = "saved_model.pb"
NOTES = "assets.extra/kexport.json"
"""The contract. TensorFlow leaves this folder to the user."""
SIGNATURE = "serving_default"
MAX_BYTES = (1 << 31) - 1
"""What protobuf reads."""
PRODUCER = 1882
"""The version of TensorFlow's graphs that this is made for."""
_METHOD = "tensorflow/serving/predict"
ON_LOAD = "saved_model_main_op"
"""The collection that names the node to run when the model is loaded. Source: MAIN_OP_KEY."""


def write_model(path: Path, emitted: Emitted, contract: Contract) -> None:
    """Write the folder `path`; the same graph gives the same bytes.

    Raises:
        EmitError: the model has 2 GiB or more, or inputs with names under which TensorFlow cannot load it.
    """
    _check_names([p.name for p in contract.inputs])
    model = Message().int(1, 1).message(2, _meta_graph(emitted, contract))
    if model.size > MAX_BYTES:
        what = f"the model has {model.size} bytes; a SavedModel with its weights in the graph has fewer than 2 GiB"
        raise EmitError(what, hint="choose another target, such as onnx")
    (path / NOTES).parent.mkdir(parents=True)
    with (path / MODEL).open("wb") as file:
        model.write(file)
    notes = {"version": kexport.__version__, "contract": contract.to_json()}
    (path / NOTES).write_text(json.dumps(notes, indent=1, sort_keys=True) + "\n", encoding="utf-8", newline="\n")


def _check_names(names: list[str]) -> None:
    """The loader makes Python parameters of the inputs, in which all but letters and digits are underscores."""
    made = ["".join(c if c.isalnum() else "_" for c in name) for name in names]
    hint = "rename the input, or leave the target out with --to"
    for name, parameter in zip(names, made, strict=True):
        if keyword.iskeyword(parameter):
            raise EmitError(f"TensorFlow cannot load an input called {name!r}, a word of Python", hint=hint)
        if made.count(parameter) > 1:
            others = " and ".join(repr(n) for n, m in zip(names, made, strict=True) if m == parameter)
            raise EmitError(f"TensorFlow cannot tell inputs called {others} apart", hint=hint)


def _meta_graph(emitted: Emitted, contract: Contract) -> Message:
    graph = Message()
    for const in emitted.consts:
        graph.message(1, const_message(const))
    for node in emitted.nodes:
        graph.message(1, node_message(node))
    if emitted.functions:
        graph.message(2, library_message(emitted.functions))
    graph.message(4, Message().int(1, PRODUCER))
    info = Message().bytes(4, "serve").bytes(5, "2.21.0").int(7, 1)
    signature = entry(SIGNATURE, _signature(emitted, contract))
    meta = Message().message(1, info).message(2, graph)
    if emitted.on_load:
        meta.message(4, entry(ON_LOAD, Message().message(1, Message().bytes(1, emitted.on_load))))
    return meta.message(5, signature)


def _signature(emitted: Emitted, contract: Contract) -> Message:
    signature = Message()
    for port in contract.inputs:
        signature.message(1, entry(port.name, _info(port, emitted.inputs[port.name])))
    for port in contract.outputs:
        signature.message(2, entry(port.name, _info(port, emitted.outputs[port.name])))
    return signature.bytes(3, _METHOD)


def _info(port: Port, ref: Ref) -> Message:
    return Message().bytes(1, f"{ref.name}:0").int(2, CODES[ref.dtype]).message(3, shape_message(static_shape(port)))
