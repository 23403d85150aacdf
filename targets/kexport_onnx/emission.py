"""Runs the emitters over a graph and packs what they made into protobuf messages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import kexport
from kexport.errors import EmitError, Unsupported, UnsupportedError
from kexport.ir.contract import Contract
from kexport.ir.graph import Graph, Value
from kexport.ir.types import TensorType
from kexport.target import EmitterTable, all_nodes
from kexport_onnx.bfloat16 import readable
from kexport_onnx.bodies import Subgraph, all_calls, live_calls
from kexport_onnx.context import Context
from kexport_onnx.dtypes import CODES
from kexport_onnx.options import OnnxOptions
from kexport_onnx.profile import layer_of
from kexport_onnx.refs import Call
from kexport_onnx.versions import IR_VERSIONS, LACKING, Release, calls_after, least_release, needed_opset
from kexport_onnx.writer import Weight
from kexport_shared.emit.ends import require_ends
from kexport_shared.emit.walk import emit_nodes

CONTRACT_KEY = "kexport.contract"
VERSION_KEY = "kexport.version"
RUNTIME_KEY = "kexport.onnxruntime"
"""The first release of ONNX Runtime that runs the model, in its metadata."""
ML = "ai.onnx.ml"
ML_OPSET = 2
_LACKS = "ONNX Runtime has none for {}; give the layer the dtype float32"
DOMAINS = {"LabelEncoder": ML}
"""Ops of other domains, and the only other domain: models import it if they have one of these."""


def emit(
    graph: Graph, contract: Contract, options: OnnxOptions, emitters: EmitterTable
) -> tuple[Any, Any, list[Weight]]:
    """The `ModelProto` without its graph, the `GraphProto` without initializers, and the weights.

    Raises:
        EmitError: a node cannot be emitted in this form; names the layer path.
        UnsupportedError: nodes without an emitter, all of them.
    """
    shown = contract if options.bfloat16 else readable(contract)
    e, _ = _emitted(graph, shown, options, emitters)
    read = {name for call in all_calls(e.calls) for name in call.inputs}
    weights = [w for w in e.weights if w.name in read]
    opset = options.newest(graph) if options.opset else needed_opset(e.calls)
    return _model_proto(opset, contract, e.calls), _graph_proto(graph, shown, e.calls), weights


def refuse_lacking(graph: Graph, options: OnnxOptions, emitters: EmitterTable) -> None:
    """Raise one error for all nodes of a legalized graph that ONNX Runtime, or the requested release, cannot run.

    Raises:
        UnsupportedError: names the layers.
    """
    wide = any(v.type.dtype in LACKING for node in all_nodes(graph) for v in node.outputs)
    if not wide and not options.release:
        return
    emitters.check(graph)
    e = Context(graph, options.written_for(graph))
    for value in graph.inputs:
        e.declare(value, e.unique(value.name))
    emit_nodes(e, graph, emitters)
    calls = live_calls(e.calls, [e.ref(o.value).name for o in graph.outputs])
    _refuse_types(calls)
    if options.release:
        _refuse_newer(options.release, calls)


def _refuse_types(calls: Sequence[Call]) -> None:
    lacking = [c for c in all_calls(calls) if c.dtype in LACKING and c.kind in LACKING[c.dtype]]
    items = [Unsupported(layer_of(c.name), c.kind, _LACKS.format(c.dtype)) for c in lacking]
    if items:
        raise UnsupportedError(list(dict.fromkeys(items)))


def _refuse_newer(release: Release, calls: Sequence[Call]) -> None:
    items = {
        Unsupported(layer_of(call.name), call.kind, f"ONNX Runtime runs it for {call.dtype} since {since}"): since
        for call, since in calls_after(release, calls)
    }
    if items:
        raise UnsupportedError(list(items), hint=f"-O onnx.runtime={max(items.values())} runs all of it")


def tensor_names(graph: Graph, contract: Contract, options: OnnxOptions, emitters: EmitterTable) -> dict[Value, str]:
    """The names that values have in the model; constants have none."""
    contract = contract if options.bfloat16 else readable(contract)
    e, rename = _emitted(graph, contract, options, emitters)
    names = {value: rename.get(ref.name, ref.name) for value, ref in e.values.items()}
    held = {name for call in e.calls for name in call.outputs} | {p.name for p in contract.inputs}
    return {value: name for value, name in names.items() if name in held}


def _emitted(
    graph: Graph, contract: Contract, options: OnnxOptions, emitters: EmitterTable
) -> tuple[Context, dict[str, str]]:
    """Run all emitters; return their context, and the results that were renamed to be outputs."""
    emitters.check(graph)
    _check_names(graph, contract)
    e = Context(graph, options.written_for(graph))
    for port in contract.outputs:
        e.reserve(port.name)
    for value, port in zip(graph.inputs, contract.inputs, strict=True):
        e.declare(value, port.name, port.type.dtype)
    emit_nodes(e, graph, emitters)
    rename = _name_outputs(e, graph, contract)
    e.calls = live_calls(e.calls, [p.name for p in contract.outputs])
    return e, rename


def _check_names(graph: Graph, contract: Contract) -> None:
    require_ends(graph, contract)
    names = [p.name for p in (*contract.inputs, *contract.outputs)]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise EmitError(
            f"an ONNX model cannot have two inputs or outputs called {', '.join(map(repr, twice))}",
            hint="rename a layer or an input of the model",
        )


def _name_outputs(e: Context, graph: Graph, contract: Contract) -> dict[str, str]:
    """Give results their public names, by an Identity where needed; return what was renamed."""
    free = {name: call for call in e.calls for name in call.outputs}
    rename: dict[str, str] = {}
    for output, port in zip(graph.outputs, contract.outputs, strict=True):
        ref = e.ref(output.value)
        if ref.dtype is not port.type.dtype:
            ref = e.cast(ref, port.type.dtype)
            free[ref.name] = e.calls[-1]
        if ref.name in free:
            del free[ref.name]
            rename[ref.name] = port.name
        else:
            e.calls.append(Call("Identity", port.name, [ref.name], [port.name]))
    for call in all_calls(e.calls):
        call.inputs = [rename.get(n, n) for n in call.inputs]
        call.outputs = [rename.get(n, n) for n in call.outputs]
    return rename


def _model_proto(opset: int, contract: Contract, calls: Sequence[Call]) -> Any:
    from onnx import ModelProto

    model = ModelProto(ir_version=IR_VERSIONS[opset], producer_name="kexport", producer_version=kexport.__version__)
    model.opset_import.add(domain="", version=opset)
    if any(call.kind in DOMAINS for call in all_calls(calls)):
        model.opset_import.add(domain=ML, version=ML_OPSET)
    facts = {
        CONTRACT_KEY: json.dumps(contract.to_json(), sort_keys=True),
        VERSION_KEY: kexport.__version__,
        RUNTIME_KEY: str(least_release(opset, calls)),
    }
    for key, value in facts.items():
        model.metadata_props.add(key=key, value=value)
    return model


def _graph_proto(graph: Graph, contract: Contract, calls: Sequence[Call]) -> Any:
    inputs, outputs = ([(p.name, p.type) for p in ports] for ports in (contract.inputs, contract.outputs))
    return _subgraph_proto(Subgraph(graph.name, inputs, outputs, list(calls)))


def _subgraph_proto(graph: Subgraph) -> Any:
    from onnx import GraphProto
    from onnx.helper import make_attribute

    proto = GraphProto(name=graph.name)
    for call in graph.calls:
        node = proto.node.add(
            op_type=call.kind, name=call.name, input=call.inputs, output=call.outputs, domain=DOMAINS.get(call.kind)
        )
        for name, value in sorted(call.attributes.items()):
            attribute = _subgraph_proto(value) if isinstance(value, Subgraph) else value
            node.attribute.append(make_attribute(name, attribute))
    for name, type in graph.inputs:
        _declare(proto.input.add(), name, type)
    for name, type in graph.outputs:
        _declare(proto.output.add(), name, type)
    return proto


def _declare(info: Any, name: str, type: TensorType) -> None:
    info.name = name
    tensor = info.type.tensor_type
    tensor.elem_type = CODES[type.dtype]
    tensor.shape.SetInParent()
    for dim in type.shape:
        if isinstance(dim, int):
            tensor.shape.dim.add(dim_value=dim)
        else:
            tensor.shape.dim.add(dim_param=str(dim))
