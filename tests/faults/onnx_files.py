"""Faults in ONNX files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kexport.ir.op import Array
from tests.faults.edits import Inapplicable
from tests.faults.file_fault import FileEdit, FileFault, at_file, removed, truncations
from tests.faults.stored import weight_faults

Change = Callable[[Any], Any]
OTHERS = {
    "Add": "Sub", "Sub": "Add", "Mul": "Add", "Max": "Min", "Sigmoid": "HardSigmoid", "Tanh": "Sigmoid", "Relu": "Abs",
    "Elu": "Relu", "Selu": "Elu", "MaxPool": "AveragePool", "ReduceMax": "ReduceMin", "ReduceMean": "ReduceSum",
    "Exp": "Sqrt", "ArgMax": "ArgMin", "Less": "Greater", "Softplus": "Softsign",
}  # fmt: skip
"""Operators and others that take the same operands."""


def _edited(change: Change) -> FileEdit:
    """The model with `change` made, which gets the ModelProto and says where."""

    def edit(path: Path) -> str:
        import onnx

        model = onnx.load(path, load_external_data=False)
        where = change(model)
        path.write_bytes(model.SerializeToString())
        return str(where or "")

    return edit


def _attribute(name: str, change: Callable[[Any], Any], *kinds: str) -> FileEdit:
    """Another value of an attribute, in the first node that has it and where it differs."""

    def edit(model: Any) -> str:
        from onnx import helper

        for node in model.graph.node:
            for attribute in node.attribute:
                if attribute.name != name or (kinds and node.op_type not in kinds):
                    continue
                value = helper.get_attribute_value(attribute)
                changed = change(list(value) if isinstance(value, list | tuple) else value)
                if changed is not None and changed != value:
                    attribute.CopyFrom(helper.make_attribute(name, changed))
                    return f"{node.op_type} {node.name}"
        raise Inapplicable

    return _edited(edit)


def _added(name: str, value: Any, *kinds: str) -> FileEdit:
    """An attribute that was not there."""

    def edit(model: Any) -> str:
        from onnx import helper

        for node in model.graph.node:
            if node.op_type in kinds and name not in [a.name for a in node.attribute]:
                node.attribute.append(helper.make_attribute(name, value))
                return f"{node.op_type} {node.name}"
        raise Inapplicable

    return _edited(edit)


def _node(change: Change, *kinds: str) -> FileEdit:
    """A change of the last node of these kinds that `change` takes."""

    def edit(model: Any) -> str:
        for node in reversed(model.graph.node):
            if node.op_type in kinds:
                try:
                    change(node)
                except Inapplicable:
                    continue
                return f"{node.op_type} {node.name}"
        raise Inapplicable

    return _edited(edit)


def _other_kind(node: Any) -> None:
    node.op_type = OTHERS[node.op_type]


def _bypassed(node: Any) -> None:
    node.op_type = "Identity"
    del node.input[1:], node.attribute[:]


def _operands_swapped(node: Any) -> None:
    if node.input[0] == node.input[1]:
        raise Inapplicable
    node.input[0], node.input[1] = node.input[1], node.input[0]


def _outputs_reordered(model: Any) -> None:
    outputs = list(model.graph.output)
    if len(outputs) < 2:
        raise Inapplicable
    del model.graph.output[:]
    model.graph.output.extend(reversed(outputs))


def _output_names_swapped(model: Any) -> None:
    """The values of two outputs under each other's names."""
    from onnx.helper import tensor_dtype_to_np_dtype as numpy_type

    outputs = model.graph.output
    typed = {o.name: (numpy_type(o.type.tensor_type.elem_type), len(o.type.tensor_type.shape.dim)) for o in outputs}
    pairs = [(a, b) for a in typed for b in typed if a < b and typed[a] == typed[b]]
    if not pairs:
        raise Inapplicable
    turn = {pairs[0][0]: pairs[0][1], pairs[0][1]: pairs[0][0]}
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [turn.get(n, n) for n in names]


def _renamed(part: str) -> Change:
    def change(model: Any) -> None:
        port = getattr(model.graph, part)[0]
        old = port.name
        port.name = f"{port.name}:0"
        for node in model.graph.node:
            for names in (node.input, node.output):
                names[:] = [port.name if n == old else n for n in names]

    return change


def _fixed(model: Any) -> None:
    for info in (*model.graph.input, *model.graph.output):
        dim = info.type.tensor_type.shape.dim[0]
        dim.Clear()
        dim.dim_value = 1
    del model.graph.value_info[:]


def _retyped(model: Any) -> None:
    from onnx import TensorProto, helper

    port = model.graph.output[0]
    if port.type.tensor_type.elem_type != TensorProto.FLOAT:
        raise Inapplicable
    old = f"{port.name}/narrow"
    for node in model.graph.node:
        node.output[:] = [old if n == port.name else n for n in node.output]
        node.input[:] = [old if n == port.name else n for n in node.input]
    model.graph.node.append(helper.make_node("Cast", [old], [port.name], to=TensorProto.DOUBLE))
    port.type.tensor_type.elem_type = TensorProto.DOUBLE


def _short(model: Any) -> str:
    tensor = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    tensor.raw_data = tensor.raw_data[: len(tensor.raw_data) // 2]
    return tensor.name


def _renamed_inside(model: Any) -> None:
    kept = {p.name for p in (*model.graph.input, *model.graph.output)}
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [n if n in kept or not n else f"inner/{n}" for n in names]
    for tensor in (*model.graph.initializer, *model.graph.value_info):
        tensor.name = tensor.name if tensor.name in kept else f"inner/{tensor.name}"


def _noted(model: Any) -> None:
    model.doc_string = "seen by somebody"
    model.producer_name = "another tool"
    model.metadata_props.add(key="note", value="none")


def _initializers_turned(model: Any) -> None:
    tensors = list(model.graph.initializer)
    del model.graph.initializer[:]
    model.graph.initializer.extend(reversed(tensors))


def _read(path: Path) -> list[tuple[str, Array]]:
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    return [(t.name, np.array(numpy_helper.to_array(t))) for t in model.graph.initializer]


def _write(path: Path, arrays: Mapping[str, Array]) -> None:
    import onnx

    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        if tensor.name in arrays:
            tensor.raw_data = arrays[tensor.name].tobytes()
    path.write_bytes(model.SerializeToString())


def _data(path: Path) -> Path:
    return path.with_suffix(".data")


def _itself(path: Path) -> Path:
    return path


TABLE = (
    *weight_faults(_read, _write),
    *truncations("ONNX file", _itself),
    FileFault("initializer cut off", _edited(_short), wild=True),
    FileFault("pads turned in the file", _attribute("pads", lambda p: [*p[len(p) // 2 :], *p[: len(p) // 2]])),
    FileFault("pads lost in the file", _attribute("pads", lambda p: [0] * len(p), "Conv", "AveragePool")),
    FileFault("strides off by one in the file", _attribute("strides", lambda s: [n + 1 for n in s])),
    FileFault("dilations lost in the file", _attribute("dilations", lambda d: [1] * len(d))),
    FileFault("epsilon in the file", _attribute("epsilon", lambda e: 1e-2)),
    FileFault("slope in the file", _attribute("alpha", lambda a: a * 1.01, "LeakyRelu", "Elu", "HardSigmoid")),
    FileFault("permutation in the file", _attribute("perm", lambda p: [p[0], *reversed(p[1:])])),
    FileFault("axis of softmax in the file", _attribute("axis", lambda a: a - 1 if a > 0 else None, "Softmax")),
    FileFault("form of gelu in the file", _attribute("approximate", lambda a: "none", "Gelu")),
    FileFault("other form of gelu in the file", _added("approximate", "tanh", "Gelu")),
    FileFault("transposed product in the file", _added("transB", 1, "Gemm")),
    FileFault("exclusive sum in the file", _added("exclusive", 1, "CumSum")),
    FileFault(
        "nearest mode in the file", _attribute("mode", lambda m: "nearest" if m == b"linear" else None, "Resize")
    ),
    FileFault(
        "reflection as edge in the file", _attribute("mode", lambda m: "edge" if m == b"reflect" else None, "Pad")
    ),
    FileFault("other operator in the file", _node(_other_kind, *OTHERS)),
    FileFault(
        "activation bypassed in the file", _node(_bypassed, "Relu", "Tanh", "Sigmoid", "Gelu", "Softmax", "Clip")
    ),
    FileFault("operands swapped in the file", _node(_operands_swapped, "Sub", "Div", "Concat", "MatMul")),
    FileFault("outputs reordered in the file", _edited(_outputs_reordered), declared=True),
    FileFault("output names swapped in the file", _edited(_output_names_swapped)),
    FileFault("output renamed in the file", _edited(_renamed("output")), declared=True),
    FileFault("input renamed in the file", _edited(_renamed("input")), declared=True),
    FileFault("batch fixed in the file", _edited(_fixed), declared=True),
    FileFault("output type in the file", _edited(_retyped), declared=True),
    FileFault("inner names changed in the file", _edited(_renamed_inside), harmless=True),
    FileFault("notes added to the file", _edited(_noted), harmless=True),
    FileFault("initializers in another order", _edited(_initializers_turned), harmless=True),
)

ANY_OPSET = tuple(fault for fault in TABLE if "gelu" not in fault.name)
"""What can go wrong in files of the least opset, which write GELU as other nodes."""

EXTERNAL = (
    *truncations("data file", _data),
    FileFault("data file missing", removed(_data), wild=True),
    FileFault("data file shifted by one element", at_file(_data, lambda d: bytes(4) + d[:-4]), wild=True),
    FileFault("data file longer", at_file(_data, lambda d: d + bytes(64)), harmless=True),
)
"""Faults in a model whose weights are in a file beside it."""
