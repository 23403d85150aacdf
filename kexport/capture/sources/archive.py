"""Looking into a .keras file before Keras does: a zip of config.json, metadata.json and model.weights.h5."""

from __future__ import annotations

import json
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from kexport.errors import CaptureError

CONFIG, METADATA = "config.json", "metadata.json"
SAVE_HINT = "save the whole model again with model.save('model.keras')"
MAX_JSON = 256 << 20
BOMB_FLOOR, BOMB_RATIO = 256 << 20, 100
"""A member that is larger than the floor and more than this many times its stored size is no model."""


@dataclass(frozen=True)
class Archive:
    """What a .keras file says about itself: the parsed config and the version of Keras that wrote it."""

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
            for member in archive.infolist():
                _check_member(member, path)
            _check_names([m.filename for m in archive.infolist()], path)
            for member in archive.infolist():
                _check_content(archive, member)
            return Archive(_json(archive, CONFIG, path), _version(archive, path))
    except (zipfile.BadZipFile, EOFError, zlib.error, OSError, NotImplementedError) as e:
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


def _check_names(names: list[str], path: Path) -> None:
    twice = sorted({n for n in names if names.count(n) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise CaptureError(f"member {twice[0]!r} is there twice", where=str(path), hint=SAVE_HINT)
    if CONFIG not in names:
        raise CaptureError(
            f"there is no {CONFIG} in it: it is no whole model (it holds {', '.join(names[:5]) or 'nothing'})",
            where=str(path),
            hint=SAVE_HINT,
        )
    if not any(n.startswith("model.weights.") for n in names):
        raise CaptureError("there are no weights in it (model.weights.h5)", where=str(path), hint=SAVE_HINT)


def _check_content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    with archive.open(member) as stream:
        while stream.read(1 << 20):
            pass


def _json(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    try:
        data = json.loads(archive.read(name))
    except (ValueError, RecursionError) as e:
        raise CaptureError(f"{name} is no JSON: {e}", where=str(path), hint=SAVE_HINT) from e
    if not isinstance(data, dict):
        raise CaptureError(f"{name} holds no model", where=str(path), hint=SAVE_HINT)
    return data


def _version(archive: zipfile.ZipFile, path: Path) -> str:
    if METADATA not in archive.namelist():
        return "3"
    return str(_json(archive, METADATA, path).get("keras_version", "3"))
