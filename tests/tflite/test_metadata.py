"""TFLite Metadata: labels in a zip that any tool opens, normalization in a flatbuffer of the public schema."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flatbuffers import number_types
from flatbuffers.table import Table

from kexport.errors import ConfigError
from kexport_tflite.lint import validate
from kexport_tflite.metadata import IDENTIFIER, NAME
from kexport_tflite.writer import schema
from tests.tflite.helper import RUNTIMES, export, run
from tests.tflite.nets import BATCH, conv_net

LABELS = [f"class {i}" for i in range(9)] + ["groß"]


class Reader:
    """A table of a flatbuffer, read by slots."""

    def __init__(self, data: bytes, place: int):
        self.table = Table(data, place)

    @classmethod
    def root(cls, data: bytes) -> Reader:
        return cls(data, Table(data, 0).Get(number_types.UOffsetTFlags, 0))

    def _at(self, slot: int) -> int:
        return self.table.Offset(4 + 2 * slot)

    def child(self, slot: int) -> Reader:
        return Reader(self.table.Bytes, self.table.Indirect(self.table.Pos + self._at(slot)))

    def children(self, slot: int) -> list[Reader]:
        if not self._at(slot):
            return []
        start = self.table.Vector(self._at(slot))
        count = self.table.VectorLen(self._at(slot))
        return [Reader(self.table.Bytes, self.table.Indirect(start + 4 * i)) for i in range(count)]

    def text(self, slot: int) -> str:
        return self.table.String(self.table.Pos + self._at(slot)).decode()

    def byte(self, slot: int) -> int:
        return self.table.Get(number_types.Int8Flags, self.table.Pos + self._at(slot))

    def floats(self, slot: int) -> list[float]:
        return self.table.GetVectorAsNumpy(number_types.Float32Flags, self._at(slot)).tolist()


def _blob(path: Path) -> bytes:
    model = schema().Model.GetRootAs(path.read_bytes(), 0)
    entries = {model.Metadata(i).Name().decode(): model.Metadata(i).Buffer() for i in range(model.MetadataLength())}
    return model.Buffers(entries[NAME]).DataAsNumpy().tobytes()


def _export(folder: Path, **options: Any) -> Path:
    labels = folder / "names.txt"
    labels.write_text("\n".join(LABELS), encoding="utf-8")
    options = {k: str(labels) if v is True else v for k, v in options.items()}
    return export(conv_net(BATCH), folder / "model.tflite", **options)


def test_labels_are_in_a_zip_at_the_end(tmp_path: Path) -> None:
    path = _export(tmp_path, labels=True)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["labels.txt"]
        assert archive.read("labels.txt").decode().splitlines() == LABELS
        assert archive.getinfo("labels.txt").compress_type == zipfile.ZIP_STORED
    validate(path)
    inputs = {"x": np.ones((1, 16, 16, 3), np.float32)}
    plain = run(export(conv_net(BATCH), tmp_path / "plain.tflite"), inputs)["y"]
    for runtime in RUNTIMES:
        np.testing.assert_allclose(run(path, inputs, runtime)["y"], plain, atol=1e-6)


def test_the_metadata_name_tensors_and_files(tmp_path: Path) -> None:
    blob = _blob(_export(tmp_path, labels=True, mean="127.5", std="127.5"))
    assert blob[4:8] == IDENTIFIER
    (subgraph,) = Reader.root(blob).children(3)
    assert Reader.root(blob).text(7) == "1.0.0"
    (image,) = subgraph.children(2)
    (scores,) = subgraph.children(3)
    assert (image.text(0), scores.text(0)) == ("x", "y")
    assert (image.child(3).byte(0), image.child(3).child(1).byte(0)) == (2, 1)  # ImageProperties, RGB
    (unit,) = image.children(4)
    assert unit.byte(0) == 1  # NormalizationOptions
    assert (unit.child(1).floats(0), unit.child(1).floats(1)) == ([127.5], [127.5])
    (file,) = scores.children(6)
    assert (file.text(0), file.byte(2)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS
    assert scores.children(4) == []


def test_normalization_by_channel(tmp_path: Path) -> None:
    path = _export(tmp_path, mean="123.5,116.5,103.5", std="58,57,57.5")
    (unit,) = Reader.root(_blob(path)).children(3)[0].children(2)[0].children(4)
    assert unit.child(1).floats(0) == [123.5, 116.5, 103.5]
    assert unit.child(1).floats(1) == [58, 57, 57.5]
    assert not zipfile.is_zipfile(path)


def test_the_same_bytes_again(tmp_path: Path) -> None:
    assert _export(tmp_path, labels=True).read_bytes() == _export(tmp_path, labels=True).read_bytes()


def test_no_metadata_unless_asked(tmp_path: Path) -> None:
    data = export(conv_net(BATCH), tmp_path / "model.tflite").read_bytes()
    assert NAME.encode() not in data


def test_labels_must_fit(tmp_path: Path) -> None:
    few = tmp_path / "few.txt"
    few.write_text("cat\ndog\n")
    with pytest.raises(ConfigError, match="2 labels for the 10 classes of output 'y'"):
        export(conv_net(BATCH), tmp_path / "model.tflite", labels=str(few))
    with pytest.raises(ConfigError, match="the labels cannot be read"):
        export(conv_net(BATCH), tmp_path / "model.tflite", labels=str(tmp_path / "none.txt"))
    assert not (tmp_path / "model.tflite").exists()
