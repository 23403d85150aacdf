"""Damaged and hostile .keras files: each is one clear error, before Keras sees them."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kexport.capture.load import load
from kexport.capture.sources.archive import read_archive
from kexport.errors import CaptureError, ConfigError

Members = dict[str, bytes]


def members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {n: archive.read(n) for n in archive.namelist()}


def write(path: Path, content: Members) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def without(name: str) -> Callable[[Members], Members]:
    return lambda content: {n: d for n, d in content.items() if n != name}


def with_member(name: str, data: bytes) -> Callable[[Members], Members]:
    return lambda content: {**content, name: data}


REWRITTEN = {
    "no config": (without("config.json"), "there is no config.json"),
    "no weights": (without("model.weights.h5"), "there are no weights"),
    "path traversal": (with_member("../evil.py", b""), "'../evil.py' points out of the archive"),
    "absolute path": (with_member("/etc/evil", b""), "'/etc/evil' points out of the archive"),
    "windows path": (with_member("..\\evil", b""), "points out of the archive"),
    "drive": (with_member("C:/evil", b""), "points out of the archive"),
    "config is no JSON": (with_member("config.json", b"{"), "config.json is no JSON"),
    "config nested too deep": (
        with_member("config.json", b"[" * 100_000),
        "config.json is nested more than 200 levels deep",
    ),
    "config nested deep": (
        with_member("config.json", b"[" * 300 + b"]" * 300),
        "config.json is nested more than 200 levels deep",
    ),
    "config is a list": (with_member("config.json", b"[]"), "config.json holds no model"),
}


@pytest.mark.parametrize("case", REWRITTEN)
def test_a_bad_archive_is_refused(case: str, dense_file: Path, tmp_path: Path) -> None:
    change, message = REWRITTEN[case]
    path = write(tmp_path / "bad.keras", change(members(dense_file)))
    with pytest.raises(CaptureError) as error:
        load(path)
    assert message in error.value.what
    assert error.value.where == str(path)
    assert error.value.hint


@pytest.mark.parametrize("size", [0, 1, 100, -30])
def test_a_truncated_file_is_refused(size: int, dense_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.keras"
    path.write_bytes(dense_file.read_bytes()[:size])
    with pytest.raises(CaptureError, match=r"the file is (empty|damaged)"):
        load(path)


def test_a_flipped_bit_in_the_weights_is_noticed(dense_file: Path, tmp_path: Path) -> None:
    data = bytearray(dense_file.read_bytes())
    data[data.index(b"\x89HDF") + 3000] ^= 1
    path = tmp_path / "flipped.keras"
    path.write_bytes(data)
    with pytest.raises(CaptureError, match=r"damaged.*model\.weights\.h5"):
        load(path)


def test_a_symbolic_link_is_refused(dense_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "link.keras"
    shutil.copy(dense_file, path)
    link = zipfile.ZipInfo("assets/passwords")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(CaptureError, match="'assets/passwords' is a symbolic link"):
        load(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(dense_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "twice.keras"
    shutil.copy(dense_file, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(CaptureError, match=r"'config\.json' is there twice"):
        load(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(dense_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in without("model.weights.h5")(members(dense_file)).items():
            archive.writestr(name, data)
        with archive.open("model.weights.h5", "w") as stream:
            for _ in range(257):
                stream.write(bytes(1 << 20))
    with pytest.raises(CaptureError, match=r"'model.weights.h5' unpacks from \d+ to 269484032 bytes"):
        load(path)


def test_the_config_and_version_are_read_as_data(dense_file: Path) -> None:
    archive = read_archive(dense_file)
    assert archive.config == json.loads(members(dense_file)["config.json"])
    assert archive.keras_version.startswith("3.")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"\x08\x07")
    for source, message in (
        (tmp_path / "absent.keras", "there is no file"),
        (tmp_path / "x.bin", "no model that kexport reads"),
        (tmp_path, "holds no saved_model.pb"),
        (3, "a int is no Keras model"),
    ):
        with pytest.raises(ConfigError, match=message) as error:
            load(source)
        assert ".keras file" in str(error.value.hint)
