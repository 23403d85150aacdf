"""Small artifacts that claim to be large, or nest without an end, are refused at once."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kexport.errors import KexportError
from kexport.reading import check_format, facts_of, parts_of, read_back
from kexport.target import find_target
from tests.target.artifacts import write

SECONDS = 5.0
"""Of the processor: what other processes do meanwhile does not count."""
AXES = 200_000
DEEP = "[" * 100_000 + "]" * 100_000


@contextmanager
def at_once() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


def refused(path: Path, message: str) -> None:
    """The checker of the format refuses it with this message; the other readers end soon, and in our errors at most."""
    target = next(t for t in map(find_target, FORMATS) if path.name.endswith(t.suffix))
    with at_once():
        with pytest.raises(KexportError, match=message):
            check_format(target, path)
        for road in (read_back, parts_of, facts_of):
            try:
                road(target, path)
            except KexportError:
                continue


FORMATS = ("onnx", "tflite", "tfjs", "savedmodel", "coreml")


# --- shapes of many axes, whose product has millions of digits


def _onnx_axes(path: Path) -> None:
    import onnx

    model: Any = onnx.load(path)
    model.graph.initializer[0].dims[:] = [(1 << 62) + 1] * AXES
    path.write_bytes(model.SerializeToString())


def _tfjs_axes(path: Path) -> None:
    document = json.loads((path / "model.json").read_text())
    document["weightsManifest"][0]["weights"][0]["shape"] = [(1 << 62) + 1] * AXES
    (path / "model.json").write_text(json.dumps(document))


def _savedmodel_axes(path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    model: Any = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    node = next(n for n in model.meta_graphs[0].graph_def.node if n.op == "Const")
    for _ in range(AXES):
        node.attr["value"].tensor.tensor_shape.dim.add(size=(1 << 62) + 1)
    (path / "saved_model.pb").write_bytes(model.SerializeToString())


def _coreml_axes(path: Path) -> None:
    from kexport_coreml.reader import model_path, read_model

    model = read_model(path)
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    for message in (block.operations[0].outputs[0].type, block.operations[0].attributes["val"].type):
        for _ in range(AXES):
            message.tensorType.dimensions.add().constant.size = (1 << 62) + 1
    model_path(path).write_bytes(model.SerializeToString())


SHAPES: dict[str, Callable[[Path], None]] = {
    "onnx": _onnx_axes,
    "tfjs": _tfjs_axes,
    "savedmodel": _savedmodel_axes,
    "coreml": _coreml_axes,
}


@pytest.mark.parametrize("form", SHAPES)
def test_shapes_of_many_axes(form: str, tmp_path: Path) -> None:
    path = write(form, tmp_path / "dist")
    SHAPES[form](path)
    refused(path, "no tensor has 20000[0-9] axes")


# --- lists that hold one thing many times


def test_a_table_that_is_listed_many_times(tmp_path: Path) -> None:
    """A subgraph with 20,000 times one operator, 20,000 times: 400 million steps from 160 KB."""
    import flatbuffers

    from kexport_tflite.writer import schema

    made = schema()
    builder = flatbuffers.Builder(1 << 20)

    def repeated(start: Callable[[Any, int], Any], item: int) -> int:
        start(builder, 20_000)
        for _ in range(20_000):
            builder.PrependUOffsetTRelative(item)
        return builder.EndVector()

    made.OperatorStart(builder)
    operators = repeated(made.SubGraphStartOperatorsVector, made.OperatorEnd(builder))
    made.SubGraphStart(builder)
    made.SubGraphAddOperators(builder, operators)
    subgraphs = repeated(made.ModelStartSubgraphsVector, made.SubGraphEnd(builder))
    made.ModelStart(builder)
    made.ModelAddVersion(builder, 3)
    made.ModelAddSubgraphs(builder, subgraphs)
    builder.Finish(made.ModelEnd(builder), b"TFL3")
    path = tmp_path / "net.tflite"
    path.write_bytes(builder.Output())
    refused(path, "it lists more than it holds")


def test_a_name_that_is_shared_many_times(tmp_path: Path) -> None:
    import flatbuffers

    from kexport_tflite.writer import schema

    made = schema()
    builder = flatbuffers.Builder(1 << 20)
    name = builder.CreateString("x" * 1_000_000)
    made.MetadataStart(builder)
    made.MetadataAddName(builder, name)
    entry = made.MetadataEnd(builder)
    made.ModelStartMetadataVector(builder, 100_000)
    for _ in range(100_000):
        builder.PrependUOffsetTRelative(entry)
    entries = builder.EndVector()
    made.ModelStart(builder)
    made.ModelAddVersion(builder, 3)
    made.ModelAddMetadata(builder, entries)
    builder.Finish(made.ModelEnd(builder), b"TFL3")
    path = tmp_path / "net.tflite"
    path.write_bytes(builder.Output())
    refused(path, "it lists more than it holds")


def test_weights_that_lead_back_to_themselves(tmp_path: Path) -> None:
    path = write("coreml", tmp_path / "dist")
    weights = path / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"
    entry = struct.pack("<IIQQQ4Q", 0xDEADBEEF, 2, 0, 0, 0, 0, 0, 0, 0)
    weights.write_bytes(struct.pack("<II7Q", 0xFFFFFFFF, 2, *(0,) * 7) + entry)
    refused(path, "the weight at 64 lies before its entry")


# --- text that nests


def _deep_metadata(path: Path) -> None:
    import onnx

    model: Any = onnx.load(path)
    for entry in model.metadata_props:
        entry.value = DEEP
    path.write_bytes(model.SerializeToString())


NESTED: dict[str, tuple[str, Callable[[Path], object]]] = {
    "model.json": ("tfjs", lambda p: (p / "model.json").write_text(DEEP)),
    "Manifest.json": ("coreml", lambda p: (p / "Manifest.json").write_text(DEEP)),
    "notes": ("savedmodel", lambda p: (p / "assets.extra" / "kexport.json").write_text(DEEP)),
    "metadata": ("onnx", _deep_metadata),
}


@pytest.mark.parametrize("place", NESTED)
def test_text_that_nests(place: str, tmp_path: Path) -> None:
    form, spoil = NESTED[place]
    path = write(form, tmp_path / "dist")
    spoil(path)
    target = find_target(form)
    with at_once(), pytest.raises(KexportError, match="it is nested too deep"):
        read_back(target, path)
