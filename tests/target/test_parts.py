"""What an engine reads is inside of the artifact's folder and in the manifest, or the artifact is not run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kexport.errors import EmitError, KexportError
from kexport.reading import check_format, parts_of
from kexport.target import find_target
from kexport.workflows.intact import artifact_damage
from kexport.workflows.manifest import ArtifactEntry, file_entries
from tests.target.artifacts import FORMS, write

OUTSIDE = ["../secret", "/etc/hostname", "a/../../secret", "http://127.0.0.1:1/secret", "C:\\secret", ""]


@pytest.fixture(params=FORMS)
def artifact(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write(request.param, tmp_path / "dist")


def entry(path: Path) -> ArtifactEntry:
    """What a manifest says of an artifact and the files beside it."""
    target = next(t for t in map(find_target, {f for f, _ in FORMS.values()}) if path.name.endswith(t.suffix))
    return ArtifactEntry(target.name, path.name, file_entries(path.parent, sorted(path.parent.iterdir())), "verified")


def test_the_parts_of_an_artifact_are_the_files_that_were_written(artifact: Path) -> None:
    listed = entry(artifact)
    parts = parts_of(find_target(listed.target), artifact)
    assert sorted(p.relative_to(artifact.parent).as_posix() for p in parts) == sorted(f.path for f in listed.files)
    assert artifact_damage(artifact.parent, listed) is None


def test_every_part_has_to_be_listed(artifact: Path) -> None:
    listed = entry(artifact)
    for file in listed.files:
        short = ArtifactEntry(listed.target, listed.path, [f for f in listed.files if f != file], "verified")
        problem = f"{file.path} is not in the manifest"
        assert artifact_damage(artifact.parent, short) == problem


def test_a_file_that_is_not_listed_in_a_folder(artifact: Path) -> None:
    if not artifact.is_dir():
        pytest.skip("an artifact of one file")
    listed = entry(artifact)
    (artifact / ".DS_Store").touch()
    assert artifact_damage(artifact.parent, listed) is None
    (artifact / "more.bin").touch()
    assert "more.bin is not in the manifest" in str(artifact_damage(artifact.parent, listed))
    (artifact / "more.bin").unlink()
    (artifact / "link").symlink_to(artifact.parent)
    assert "link is not in the manifest" in str(artifact_damage(artifact.parent, listed))


def test_an_artifact_that_is_somewhere_else(artifact: Path) -> None:
    listed = entry(artifact)
    for path in OUTSIDE:
        elsewhere = ArtifactEntry(listed.target, path, listed.files, "verified")
        assert "which" in str(artifact_damage(artifact.parent, elsewhere))


# --- names in artifacts


def _rename_external(path: Path, name: str) -> None:
    import onnx

    model: Any = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for pair in tensor.external_data:
            if pair.key == "location":
                pair.value = name
    path.write_bytes(model.SerializeToString())


def _rename_shard(path: Path, name: str) -> None:
    document = json.loads((path / "model.json").read_text())
    document["weightsManifest"][0]["paths"] = [name]
    (path / "model.json").write_text(json.dumps(document))


def _rename_model(path: Path, name: str) -> None:
    manifest = json.loads((path / "Manifest.json").read_text())
    manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"] = name
    (path / "Manifest.json").write_text(json.dumps(manifest))


def _rename_weights(path: Path, name: str) -> None:
    file = path / "Data" / "com.apple.CoreML" / "model.mlmodel"
    data = file.read_bytes()
    old = b"@model_path/weights/weight.bin"
    assert old in data
    from kexport_coreml.reader import read_model

    model = read_model(path)
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    for operation in block.operations:
        for value in operation.attributes.values():
            if value.WhichOneof("value") == "blobFileValue":
                value.blobFileValue.fileName = f"@model_path/{name}"
    file.write_bytes(model.SerializeToString())


RENAME: dict[str, Callable[[Path, str], None]] = {
    "onnx with weights beside it": _rename_external,
    "tfjs": _rename_shard,
    "coreml": _rename_model,
    "coreml's weights": _rename_weights,
}


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("form", RENAME)
def test_names_that_lead_out(form: str, name: str, tmp_path: Path) -> None:
    path = write(form.partition("'")[0], tmp_path / "dist")
    (tmp_path / "secret").write_bytes(bytes(1 << 16))
    RENAME[form](path, name)
    target = find_target(FORMS[form.partition("'")[0]][0])
    runtimes = [r for r in target.runtimes() if not r.on_request and not r.name.startswith("coreml")]
    roads = [lambda: check_format(target, path), *((lambda r=r: r.load(path)) for r in runtimes)]
    for road in roads:
        with pytest.raises(KexportError, match=r"which (leads out|is no path|has characters|is a name)"):
            road()


@pytest.mark.parametrize("where", ["attribute", "branch", "function", "sparse", "training"])
def test_external_data_anywhere_in_a_model(where: str, tmp_path: Path) -> None:
    """Not only in initializers: ONNX Runtime reads constants and branches as well."""
    import onnx
    from onnx import helper

    tensor = onnx.TensorProto(name="t", dims=[4], data_type=1, data_location=1)
    for key, value in (("location", "../secret"), ("offset", "0"), ("length", "16")):
        tensor.external_data.add(key=key, value=value)
    (tmp_path / "dist").mkdir()
    inner = helper.make_graph([], "inner", [], [], initializer=[tensor])
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    graph: Any = helper.make_graph([node] if where == "attribute" else [], "g", [], [])
    model: Any = helper.make_model(graph)
    if where == "branch":
        model.graph.node.append(helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner))
    elif where == "function":
        model.functions.add(name="f", domain="d").node.append(node)
    elif where == "sparse":
        model.graph.sparse_initializer.add().values.CopyFrom(tensor)
    elif where == "training":
        model.training_info.add().algorithm.CopyFrom(inner)
    path = tmp_path / "dist" / "net.onnx"
    path.write_bytes(model.SerializeToString())
    target = find_target("onnx")
    for road in (target.parts, target.validate, target.runtimes()[0].load):
        with pytest.raises(EmitError, match=r"it names '../secret', which leads out of its folder"):
            road(path)


@pytest.mark.parametrize("place", ["model", "function"])
def test_operators_of_an_engine_alone(place: str, tmp_path: Path) -> None:
    """Some of them run what a model names, such as a function in Python."""
    import onnx

    path = write("onnx", tmp_path / "dist")
    model: Any = onnx.load(path)
    if place == "model":
        model.opset_import.add(domain="com.microsoft", version=1)
    else:
        model.functions.add(name="f", domain="d").opset_import.add(domain="com.microsoft", version=1)
    path.write_bytes(model.SerializeToString())
    target = find_target("onnx")
    for road in (target.validate, target.runtimes()[0].load):
        with pytest.raises(EmitError, match=r"operators of 'com\.microsoft', which kexport does not write"):
            road(path)


def test_a_model_that_is_nested_too_deep(tmp_path: Path) -> None:
    data = b""
    for number in [6, 5, 1] * 60:  # graph in attribute in node in graph
        size = len(data)
        head = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])
        data = bytes([number << 3 | 2]) + head + data
    path = tmp_path / "net.onnx"
    path.write_bytes(bytes([7 << 3 | 2, len(data) & 127 | 128, len(data) >> 7 & 127 | 128, len(data) >> 14]) + data)
    with pytest.raises(EmitError, match="nested too deep"):
        find_target("onnx").parts(path)


def test_readers_are_called_where_damage_becomes_an_error(root: Path) -> None:
    """A reader may raise anything on bytes that make no sense: `kexport.reading` alone calls one."""
    files = {p.relative_to(root).as_posix(): p.read_text(encoding="utf-8") for p in (root / "kexport").rglob("*.py")}
    callers = {name for name, text in files.items() if re.search(r"\.(validate|read_contract)\(\w", text)}
    assert callers == {"kexport/reading.py"}
