"""Writes TFLite Metadata, which tells an app what tensors mean: a flatbuffer of its own schema, and files in a zip.

The schema is `metadata_schema.fbs` of tflite-support (file identifier M001). The numbers below are its fields' slots.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kexport.errors import ConfigError, EmitError
from kexport.ir.contract import Contract, Port
from kexport_tflite.model import Model
from kexport_tflite.options import TfliteOptions

NAME = "TFLITE_METADATA"
IDENTIFIER = b"M001"
LABELS = "labels.txt"
_PARSER_VERSION = "1.0.0"
_NORMALIZATION_OPTIONS = 1
_IMAGE_PROPERTIES = 2
_AXIS_LABELS = 2
_RGB = 1
_GRAYSCALE = 2
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest time a zip can hold: a file of the same content has the same bytes."""


def add_metadata(model: Model, contract: Contract, options: TfliteOptions) -> Mapping[str, bytes]:
    """Attach the metadata that the user gave, if any; the files to append, by name.

    Raises:
        ConfigError: a file of labels that cannot be read, or of another number of lines than there are classes.
    """
    mean, std = options.normalization
    if not options.labels and not mean:
        return {}
    files = {LABELS: _read_labels(Path(options.labels), contract)} if options.labels else {}
    model.add_metadata(NAME, _pack(contract, mean, std, bool(files)))
    return files


def append_files(path: Path, files: Mapping[str, bytes]) -> None:
    """Append files as an uncompressed zip, where readers of TFLite Metadata look for them."""
    if not files:
        return
    try:
        with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    except OSError as e:
        raise EmitError(f"the metadata cannot be written: {e.strerror}", where=str(path)) from e


def _read_labels(path: Path, contract: Contract) -> bytes:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"the labels cannot be read: {e}", where=str(path)) from e
    labels = [line.strip() for line in text.strip().splitlines()]
    shape = contract.outputs[0].type.shape
    classes = shape[-1] if shape else 0
    if isinstance(classes, int) and len(labels) != classes:
        what = f"{len(labels)} labels for the {classes} classes of output {contract.outputs[0].name!r}"
        raise ConfigError(what, where=str(path), hint="write one class name a line")
    return ("\n".join(labels) + "\n").encode()


def _pack(contract: Contract, mean: Sequence[float], std: Sequence[float], labelled: bool) -> bytes:
    import flatbuffers

    b = flatbuffers.Builder(1024)
    inputs = [_tensor(b, p, mean if _is_image(p) else (), std) for p in contract.inputs]
    outputs = [_tensor(b, p, labels=labelled and i == 0) for i, p in enumerate(contract.outputs)]
    subgraph = _table(b, {2: _vector(b, inputs), 3: _vector(b, outputs)})
    version = b.CreateString(_PARSER_VERSION)
    model = _table(b, {3: _vector(b, [subgraph]), 7: version})
    b.Finish(model, IDENTIFIER)
    return bytes(b.Output())


def _is_image(port: Port) -> bool:
    return port.type.rank == 4 and port.type.shape[-1] in (1, 3)


def _tensor(b: Any, port: Port, mean: Sequence[float] = (), std: Sequence[float] = (), labels: bool = False) -> int:
    """A TensorMetadata: 0 name, 3 content, 4 process units, 6 associated files."""
    fields = {0: b.CreateString(port.name)}
    if _is_image(port) and not labels:
        fields[3] = _content(b, port)
    if mean:
        options = _table(b, {0: _floats(b, mean), 1: _floats(b, std)})
        fields[4] = _vector(b, [_table(b, {1: options}, {0: _NORMALIZATION_OPTIONS})])
    if labels:
        file = _table(b, {0: b.CreateString(LABELS)}, {2: _AXIS_LABELS})
        fields[6] = _vector(b, [file])
    return _table(b, fields)


def _content(b: Any, port: Port) -> int:
    color = _RGB if port.type.shape[-1] == 3 else _GRAYSCALE
    image = _table(b, {}, {0: color})
    return _table(b, {1: image}, {0: _IMAGE_PROPERTIES})


def _table(b: Any, references: Mapping[int, int], numbers: Mapping[int, int] | None = None) -> int:
    """A table by slots: references to what was built before, and one-byte numbers."""
    numbers = numbers or {}
    b.StartObject(max([*references, *numbers], default=-1) + 1)
    for slot, offset in references.items():
        b.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, number in numbers.items():
        b.PrependInt8Slot(slot, number, 0)
    return b.EndObject()


def _vector(b: Any, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _floats(b: Any, values: Sequence[float]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependFloat32(value)
    return b.EndVector()
