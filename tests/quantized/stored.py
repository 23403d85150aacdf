"""How many elements of each type the constants of an artifact have, read back from the file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

SMALLEST = 1024
"""Smaller constants, such as zero points, are not counted."""


def _onnx(path: Path) -> list[tuple[str, int]]:
    import onnx

    tensors = onnx.load(str(path)).graph.initializer
    return [(onnx.TensorProto.DataType.Name(t.data_type).lower(), prod(t.dims)) for t in tensors]


def _tflite(path: Path) -> list[tuple[str, int]]:
    from kexport_tflite.writer import schema

    s: Any = schema()
    names = {v: k.lower() for k, v in vars(s.TensorType).items() if isinstance(v, int)}
    model = s.Model.GetRootAs(path.read_bytes(), 0)
    found: list[tuple[str, int]] = []
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for tensor in map(graph.Tensors, range(graph.TensorsLength())):
            buffer = model.Buffers(tensor.Buffer())
            if buffer.DataLength() or buffer.Size():
                found.append((names[tensor.Type()], prod(tensor.ShapeAsNumpy().tolist())))
    return found


def _tfjs(path: Path) -> list[tuple[str, int]]:
    document = json.loads((path / "model.json").read_text())
    weights = document["weightsManifest"][0]["weights"]
    return [(w.get("quantization", w)["dtype"], prod(w["shape"])) for w in weights]


def _savedmodel(path: Path) -> list[tuple[str, int]]:
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    tensors = [n.attr["value"].tensor for n in model.meta_graphs[0].graph_def.node if n.op == "Const"]
    return [(tf.as_dtype(t.dtype).name, prod(d.size for d in t.tensor_shape.dim)) for t in tensors]


def _coreml(path: Path) -> list[tuple[str, int]]:
    from kexport_coreml.dtypes import DTYPES
    from kexport_coreml.reader import read_model
    from kexport_coreml.writer import main_block

    values = [v for o in main_block(read_model(path)).operations for k, v in o.attributes.items() if k != "name"]
    types = [v.type.tensorType for v in values]
    return [(DTYPES[t.dataType].numpy.name, prod(d.constant.size for d in t.dimensions)) for t in types]


_READERS: dict[str, Callable[[Path], list[tuple[str, int]]]] = {
    "onnx": _onnx,
    "tflite": _tflite,
    "tfjs": _tfjs,
    "savedmodel": _savedmodel,
    "coreml": _coreml,
}


def stored(target: str, path: Path) -> Counter[str]:
    """The number of elements by the name of their type."""
    found: Counter[str] = Counter()
    for dtype, count in _READERS[target](path):
        found[dtype] += count if count >= SMALLEST else 0
    return +found
