"""Inspects a .keras file before Keras does: a zip of config.json, metadata.json and model.weights.h5."""

from __future__ import annotations

import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from kexport.capture.sources.hdf5_probe import probe
from kexport.capture.sources.limits import BOMB_FLOOR, BOMB_RATIO, MAX_JSON, parse_json
from kexport.errors import CaptureError, KexportError

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = ("model.weights.h5", "model.weights.json")
"""The weights in one file, or where they are in several."""
SAVE_HINT = "save the whole model again with model.save('model.keras')"


@dataclass(frozen=True)
class Archive:
    """The parsed config of a .keras file, and the version of Keras that wrote it."""

    config: dict[str, Any]
    keras_version: str


def is_archive(path: Path) -> bool:
    """Whether a file begins as a zip file does."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def read_archive(path: Path) -> Archive:
    """Check a .keras file whole, checksums included, and return its config as plain data.

    Raises:
        CaptureError: it is empty, damaged, unsafe or no whole model.
    """
    if path.stat().st_size == 0:
        raise CaptureError("the file is empty", where=str(path), hint=SAVE_HINT)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            for member in members:
                _check_member(member, path)
            _check_together(members, path)
            for member in members:
                _check_content(archive, member, path)
            return Archive(_json(archive, CONFIG, path), _version(archive, path))
    except KexportError:
        raise
    except Exception as e:
        raise CaptureError(
            f"the file is damaged or no .keras file at all: {e}",
            where=str(path),
            hint="copy it again and compare sizes, or " + SAVE_HINT,
        ) from e


def _check_member(member: zipfile.ZipInfo, path: Path) -> None:
    name = member.filename
    parts = PurePosixPath(name.replace("\\", "/")).parts
    problem = None
    if name.startswith(("/", "\\")) or ".." in parts or (parts and ":" in parts[0]):
        problem = "points out of the archive"
    elif stat.S_ISLNK(member.external_attr >> 16):
        problem = "is a symbolic link"
    elif member.flag_bits & 1:
        problem = "is encrypted"
    elif member.file_size > max(BOMB_FLOOR, BOMB_RATIO * member.compress_size):
        problem = f"unpacks from {member.compress_size} to {member.file_size} bytes"
    elif name in (CONFIG, METADATA) and member.file_size > MAX_JSON:
        problem = f"has {member.file_size} bytes"
    if problem:
        raise CaptureError(
            f"member {name!r} {problem}; Keras writes no such thing",
            where=str(path),
            hint=f"do not open this file unless you know where it comes from; {SAVE_HINT}",
        )


def _check_together(members: list[zipfile.ZipInfo], path: Path) -> None:
    names = [m.filename for m in members]
    total = sum(m.file_size for m in members)
    if total > max(BOMB_FLOOR, BOMB_RATIO * path.stat().st_size):
        raise CaptureError(f"its members unpack to {total} bytes together", where=str(path), hint=SAVE_HINT)
    twice = sorted({n for n in names if names.count(n) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise CaptureError(f"member {twice[0]!r} is there twice", where=str(path), hint=SAVE_HINT)
    if CONFIG not in names:
        raise CaptureError(
            f"there is no {CONFIG} in it: it is no whole model (it holds {', '.join(names[:5]) or 'nothing'})",
            where=str(path),
            hint=SAVE_HINT,
        )
    if not any(n in names for n in WEIGHTS):
        raise CaptureError("there are no weights in it (model.weights.h5)", where=str(path), hint=SAVE_HINT)


def _check_content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    with archive.open(member) as stream:
        while stream.read(1 << 20):
            pass
    if member.filename.endswith(".h5"):
        probe(path, member.filename)


def _json(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    data = parse_json(archive.read(name), name, str(path), SAVE_HINT)
    if not isinstance(data, dict):
        raise CaptureError(f"{name} holds no model", where=str(path), hint=SAVE_HINT)
    return data


def _version(archive: zipfile.ZipFile, path: Path) -> str:
    if METADATA not in archive.namelist():
        return "3"
    return str(_json(archive, METADATA, path).get("keras_version", "3"))
