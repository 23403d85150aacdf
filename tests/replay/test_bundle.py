"""A bundle holds what a check needs and nothing else, is the same every time, and is refused when it means harm."""

from __future__ import annotations

import json
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kexport.errors import ConfigError, KexportError, VerifyError
from kexport.replay.pack import bundle
from kexport.workflows.bundle import opened
from kexport.workflows.manifest import find_folder, read_manifest, sha256
from kexport.workflows.verifying import verify

MANIFEST = "dist/kexport.json"


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rebuilt(check: Path, out: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """The bundle with its members changed."""
    content = members(check)
    change(content)
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return out


def edited(change: Callable[[Any], object]) -> Callable[[dict[str, bytes]], None]:
    """A change of the manifest's only model."""

    def apply(content: dict[str, bytes]) -> None:
        data = json.loads(content[MANIFEST])
        change(data["models"]["net"])
        content[MANIFEST] = json.dumps(data).encode()

    return apply


def test_a_bundle_is_verified_as_its_folder_is(check: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    report = verify(check)
    statuses = {a.target: a.status for a in report.artifacts}
    assert statuses["onnx"] == "verified"
    assert "failed" not in statuses.values()
    assert report.artifacts[0].path == str(check / "net.onnx")
    assert report.notes[0].startswith("checked on ")


def test_the_same_folder_gives_the_same_bytes(dist: Path, check: Path, tmp_path: Path) -> None:
    again = shutil.copytree(dist, tmp_path / "elsewhere")
    (again / "stray.txt").write_text("not in the manifest")
    bundle(again, tmp_path / "other.zip")
    assert sha256(tmp_path / "other.zip") == sha256(check)


def test_a_bundle_of_a_bundle_is_the_same(check: Path, tmp_path: Path) -> None:
    bundle(check, tmp_path / "again.zip")
    assert sha256(tmp_path / "again.zip") == sha256(check)


def test_what_is_inside(check: Path) -> None:
    names = members(check).keys()
    assert {"__main__.py", MANIFEST, "dist/net.onnx", "dist/net.tfjs/model.json", "code/kexport/target.py"} <= names
    assert not [n for n in names if "capture/" in n or "kexport/reference/" in n or n.endswith((".pyc", ".kx"))]
    with zipfile.ZipFile(check) as archive:
        assert {(i.compress_type, i.date_time) for i in archive.infolist()} == {(0, (1980, 1, 1, 0, 0, 0))}


def test_one_target_is_packed_with_its_own_code(dist: Path, tmp_path: Path) -> None:
    made = bundle(dist, tmp_path / "one.zip", to=["tflite"])
    names = members(tmp_path / "one.zip").keys()
    assert made.targets == ("tflite",)
    assert "dist/net.tflite" in names
    assert "code/kexport_shared/js/js/session.mjs" in names, "LiteRT.js in a page needs it"
    assert {"code/kexport_shared/__init__.py", "code/kexport_shared/emit/walk.py"} <= names
    assert not [n for n in names if n.startswith(("code/kexport_shared/mil/", "code/kexport_shared/graphdef/"))]
    assert not [n for n in names if "kexport_onnx" in n or n == "dist/net.onnx"]
    assert members(tmp_path / "one.zip")["code/kexport-0.1.0.dist-info/entry_points.txt"].splitlines() == [
        b"[kexport.targets]",
        b"tflite = kexport_tflite:TARGET",
    ]


def test_one_artifact_can_be_named(dist: Path, tmp_path: Path) -> None:
    assert bundle(dist / "net.onnx", tmp_path / "one.zip").targets == ("onnx",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"to": ["savedmodel"]}, "net has no artifact for 'savedmodel'"),
        ({"to": ["nothing"]}, "there is no target 'nothing'"),
        ({"name": "large"}, "there is no model 'large'"),
        ({"reference": "missing.safetensors"}, "missing.safetensors"),
    ],
)
def test_what_cannot_be_packed(dist: Path, tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(KexportError, match=message):
        bundle(dist, tmp_path / "check.zip", **arguments)
    assert not (tmp_path / "check.zip").exists()


def test_a_bundle_is_called_zip(dist: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.zip"):
        bundle(dist, tmp_path / "check")


def test_what_is_damaged_is_not_packed(dist: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(dist, tmp_path / "dist")
    (copy / "net.onnx").write_bytes(b"no")
    with pytest.raises(VerifyError, match="what is damaged is not packed"):
        bundle(copy, tmp_path / "check.zip")
    assert not (tmp_path / "check.zip").exists()


def test_a_changed_artifact_fails_its_verification(check: Path, tmp_path: Path) -> None:
    def change(content: dict[str, bytes]) -> None:
        content["dist/net.onnx"] = content["dist/net.onnx"][:-1] + b"?"

    bundle(check, tmp_path / "one.zip", to=["onnx"])
    report = verify(rebuilt(tmp_path / "one.zip", tmp_path / "bad.zip", change))
    assert report.exit_code == 1
    assert "damaged: net.onnx was changed" in report.artifacts[0].reason


def test_a_changed_reference_is_an_error(check: Path, tmp_path: Path) -> None:
    def change(content: dict[str, bytes]) -> None:
        content["dist/net.reference.safetensors"] = content["dist/net.reference.safetensors"][:-1] + b"?"

    with pytest.raises(VerifyError, match="was changed"):
        verify(rebuilt(check, tmp_path / "bad.zip", change))


HARM: dict[str, tuple[Callable[[dict[str, bytes]], object], str]] = {
    "climbs": (lambda c: c.update({"../evil": b""}), "would be written outside of its folder"),
    "absolute": (lambda c: c.update({"/tmp/evil": b""}), "would be written outside of its folder"),
    "windows": (lambda c: c.update({"dist/a\\..\\..\\evil": b""}), "would be written outside of its folder"),
    "drive": (lambda c: c.update({"C:evil": b""}), "would be written outside of its folder"),
    "case": (lambda c: c.update({"dist/NET.onnx": b""}), "twice"),
    "no manifest": (lambda c: c.pop(MANIFEST), "it has no dist/kexport.json"),
    "lacking": (lambda c: c.pop("dist/net.onnx"), "it lacks dist/net.onnx"),
    "deep": (lambda c: c.update({MANIFEST: b"[" * 200_000}), "nested too deep|damaged"),
    "no JSON": (lambda c: c.update({MANIFEST: b"{"}), "the manifest is damaged"),
    "listed outside": (edited(lambda m: m["reference"].update(path="../../etc/passwd")), "leads out of its folder"),
    "artifact outside": (edited(lambda m: m["artifacts"]["onnx"].update(path="../x")), "lists no file of '../x'"),
    "other files": (edited(lambda m: m["artifacts"]["onnx"].update(path="other")), "lists no file of 'other'"),
}


@pytest.mark.parametrize("kind", HARM)
def test_a_bundle_that_means_harm_is_refused(kind: str, check: Path, tmp_path: Path) -> None:
    change, message = HARM[kind]
    bad = rebuilt(check, tmp_path / "bad.zip", change)
    with pytest.raises(VerifyError, match=message) as caught:
        verify(bad)
    assert caught.value.where == str(bad)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.zip"]


def test_members_that_are_not_plain_files_are_refused(check: Path, tmp_path: Path) -> None:
    for number, (mode, compression, message) in enumerate(
        [
            (stat.S_IFLNK | 0o777, zipfile.ZIP_STORED, "is no regular file"),
            (0, zipfile.ZIP_DEFLATED, "is compressed"),
        ]
    ):
        bad = Path(shutil.copy(check, tmp_path / f"{number}.zip"))
        with zipfile.ZipFile(bad, "a") as archive:
            info = zipfile.ZipInfo("dist/extra")
            info.external_attr = mode << 16
            info.compress_type = compression
            archive.writestr(info, "/etc/passwd")
        with pytest.raises(VerifyError, match=message):
            verify(bad)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_bundle_is_one_clear_error(check: Path, tmp_path: Path, share: float) -> None:
    data = check.read_bytes()
    bad = tmp_path / "bad.zip"
    bad.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(VerifyError, match="not a bundle, or a damaged one"):
        verify(bad)


def test_a_member_with_a_wrong_checksum_is_an_error(check: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(check) as archive:
        info = archive.getinfo("dist/net.onnx")
    data = bytearray(check.read_bytes())
    names = struct.unpack_from("<HH", data, info.header_offset + 26)
    data[info.header_offset + 30 + sum(names) + 5] ^= 1
    bad = tmp_path / "bad.zip"
    bad.write_bytes(data)
    with pytest.raises(VerifyError, match="Bad CRC-32"), opened(bad):
        pytest.fail("it was unpacked")


def test_a_bundle_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        verify("missing.zip")


def test_other_commands_say_what_to_do_with_a_bundle(check: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this command reads no bundles") as caught:
        find_folder(check)
    assert caught.value.hint == "unzip check.zip, and give the folder dist/ that is in it"
    with zipfile.ZipFile(check) as archive:
        archive.extractall(tmp_path)
    assert read_manifest(find_folder(tmp_path / "dist")).keys() == {"net"}
