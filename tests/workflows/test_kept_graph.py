"""What an export leaves for those who look into its artifacts later: small, and enough."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import kexport
from kexport.capture.stored import stored_arrays
from kexport.errors import ConfigError
from kexport.ir.text import content_hash
from kexport.workflows import kept_graph, locate
from kexport.workflows.manifest import read_manifest
from kexport.workflows.reducing import reduce
from tests.workflows.conftest import small_cnn

GRAPH = "small.graph.safetensors"


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model with more than a few hundred bytes of weights counts as a large one."""
    monkeypatch.setattr(kept_graph, "LIMIT", 300)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small CNN as files of two kinds."""
    folder = tmp_path_factory.mktemp("models")
    model = small_cnn()
    model.save(folder / "small.keras")
    model.save(folder / "small.h5")
    return folder


def exported(model: Any, out: Path, **options: Any) -> Path:
    assert kexport.export(model, to="onnx", out=out, name="small", **options).ok
    return out


def test_a_small_graph_is_kept_whole(exported: Path) -> None:
    assert read_manifest(exported)["small"].captured is not None
    assert locate(shutil.copytree(exported, exported.parent / "copy")).locations[0].layers
    with pytest.raises(ConfigError, match="nothing fails here, so there is nothing to reduce"):
        reduce(exported.parent / "copy", exported.parent / "reduced")


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("name", ["small.keras", "small.h5"])
def test_weights_of_a_large_model_stay_in_its_file(name: str, files: Path, tmp_path: Path) -> None:
    file = shutil.copy(files / name, tmp_path)
    dist = exported(file, tmp_path / "dist")
    kept = (dist / GRAPH).stat().st_size
    assert exported(file, tmp_path / "whole", layers=True).joinpath(GRAPH).stat().st_size > kept + 2_000
    assert str(tmp_path).encode() not in (dist / GRAPH).read_bytes()
    assert locate(dist).locations[0].layers
    moved = shutil.move(file, tmp_path / "elsewhere.bin")
    with pytest.raises(ConfigError, match=f"are in {name}, which is not here") as caught:
        locate(dist)
    assert caught.value.hint == f"give the model that was exported: --model {name}"
    shutil.move(moved, dist / name)
    assert locate(dist).locations[0].layers


@pytest.mark.usefixtures("large")
def test_a_model_that_was_trained_further_is_another_file(files: Path, tmp_path: Path) -> None:
    import keras

    file = shutil.copy(files / "small.keras", tmp_path)
    dist = exported(file, tmp_path / "dist")
    model = keras.models.load_model(file)
    for weight in model.weights:
        weight.assign(weight + 1)
    model.save(file)
    with pytest.raises(ConfigError, match="is not the same file any more"):
        locate(dist)


@pytest.mark.usefixtures("large")
def test_a_large_model_that_came_from_no_file_is_not_kept(model: Any, tmp_path: Path) -> None:
    dist = exported(model, tmp_path / "dist")
    assert not (dist / GRAPH).exists()
    assert read_manifest(dist)["small"].captured is None
    with pytest.raises(ConfigError, match="is not here") as caught:
        locate(dist)
    assert "--model" in str(caught.value.hint)
    assert locate(dist, model=model).locations[0].layers
    assert locate(exported(model, dist, layers=True)).locations[0].layers


def test_the_same_model_gives_the_same_bytes(files: Path, tmp_path: Path) -> None:
    folders = [exported(files / "small.keras", tmp_path / n) for n in ("a", "b")]
    assert (folders[0] / GRAPH).read_bytes() == (folders[1] / GRAPH).read_bytes()


@pytest.mark.parametrize("name", ["small.keras", "small.h5"])
def test_arrays_are_found_in_a_file_by_their_content(name: str, files: Path, model: Any) -> None:
    wanted = {content_hash(w.numpy()): w.numpy() for w in model.weights}
    found = stored_arrays(files / name, wanted.keys())
    assert found.keys() == wanted.keys()
    assert all((found[key] == array).all() for key, array in wanted.items())
    assert stored_arrays(files / name, {"0" * 16}) == {}
