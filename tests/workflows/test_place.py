"""Where an export writes to is looked at before any work; what it is called has one rule."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import kexport
from kexport.errors import ConfigError, KexportError, VerifyError
from kexport.workflows.manifest import FILE
from kexport.workflows.place import check_place
from kexport.workflows.recording import record_reference
from kexport.workflows.reducing import reduce


@pytest.fixture
def no_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes to capture has done work."""
    monkeypatch.setattr("kexport.capture.capturing.capture", lambda *args, **how: pytest.fail("it was captured"))


def refused(out: Path, model: Any = "m.keras", **options: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        kexport.export(model, to="onnx", out=out, **options)
    return caught.value


@pytest.mark.usefixtures("no_capture")
def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "dist").write_text("")
    assert refused(tmp_path / "dist").what == "this is a file, not a folder"
    assert refused(tmp_path / "dist" / "deep").what == f"{tmp_path / 'dist'} is a file, not a folder"


@pytest.mark.usefixtures("no_capture")
def test_a_link_to_nowhere_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "dist").symlink_to(tmp_path / "gone")
    assert "not a folder" in refused(tmp_path / "dist").what


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc")
@pytest.mark.usefixtures("no_capture")
def test_a_folder_that_cannot_be_written_is_refused() -> None:
    error = refused(Path("/proc/dist"))
    assert error.what.startswith("cannot write here: ")
    assert error.hint == "choose a folder you may write to with -o"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.usefixtures("no_capture")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o555)
    assert refused(tmp_path / "theirs" / "dist").what.startswith("cannot write here: ")


@pytest.mark.parametrize(
    ("name", "target"), [("net.onnx", "onnx"), ("net.mlpackage", "coreml"), ("N.TFLITE", "tflite")]
)
@pytest.mark.usefixtures("no_capture")
def test_the_name_of_an_artifact_is_no_folder(name: str, target: str, tmp_path: Path) -> None:
    error = refused(tmp_path / name)
    assert error.what.startswith("-o is a folder, and this is the name of ")
    assert f"-o {tmp_path} --name {Path(name).stem} --to {target}" in str(error.hint)


@pytest.mark.parametrize("place", ["", "dist", "variables/dist"])
@pytest.mark.usefixtures("no_capture")
def test_a_model_is_not_written_into(place: str, tmp_path: Path) -> None:
    model = tmp_path / "saved"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").touch()
    assert refused(model / place, model).what == "it is inside of the model"
    assert refused(model / place, str(model)).what == "it is inside of the model"


def test_beside_the_model_is_right(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    check_place(tmp_path, tmp_path / "saved", None)
    check_place(tmp_path / "dist", tmp_path / "m.keras", None)
    check_place(tmp_path / "dist", object(), "name")
    assert [p.name for p in tmp_path.iterdir()] == ["saved"]


def test_a_reference_is_written_where_it_can_be(tmp_path: Path) -> None:
    for out, what in ((tmp_path, "this is a folder, not a file"), (tmp_path / "no" / "r", "there is no such folder")):
        with pytest.raises(ConfigError, match=what):
            record_reference("absent.keras", out)
    with pytest.raises(ConfigError, match="does not exist"):
        record_reference("absent.keras", tmp_path / "r.safetensors")


def test_a_part_is_not_written_among_other_things(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ConfigError, match="the folder holds other things"):
        reduce(tmp_path / "absent", tmp_path)
    with pytest.raises(ConfigError, match="this is a file, not a folder"):
        reduce(tmp_path / "absent", tmp_path / "mine.txt")


@pytest.mark.usefixtures("no_capture")
def test_a_name_and_a_manifest_are_looked_at_too(tmp_path: Path) -> None:
    assert refused(tmp_path, name="a/b").what == "'a/b' cannot be the name of a file on every system"
    (tmp_path / FILE).write_text("{")
    with pytest.raises(VerifyError):
        kexport.export("m.keras", to="onnx", out=tmp_path)


def test_nothing_is_left_where_the_model_is_bad(tmp_path: Path) -> None:
    (tmp_path / "bad.keras").write_bytes(b"no model")
    with pytest.raises(KexportError):
        kexport.export(tmp_path / "bad.keras", to="onnx", out=tmp_path / "some" / "dist")
    assert [p.name for p in tmp_path.iterdir()] == ["bad.keras"]


def test_an_interrupted_export_leaves_no_folder(model: Any, tmp_path: Path) -> None:
    def interrupt(stage: str, detail: str, fraction: float | None) -> None:
        if stage == "emit":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kexport.export(model, to="onnx", out=tmp_path / "some" / "dist", progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_the_name_is_the_wanted_one_else_the_files_else_the_models(model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "of_the_file.keras")
    out = tmp_path / "dist"
    for source, wanted, name in (
        (tmp_path / "of_the_file.keras", "wanted", "wanted"),
        (tmp_path / "of_the_file.keras", None, "of_the_file"),
        (model, None, "small"),
    ):
        assert kexport.export(source, to="onnx", out=out, name=wanted, verify=False).name == name
