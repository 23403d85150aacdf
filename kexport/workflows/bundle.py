"""A bundle: one zip file with a manifest, its artifacts and reference, and the code that checks them on any machine.

Nothing in it is compressed: equal content gives equal bytes with every zlib, and no member can unpack to more than the
file holds. What is read here is data; the code inside runs only where somebody calls `python check.zip`.
"""

from __future__ import annotations

import shutil
import stat
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from kexport.errors import ConfigError, KexportError, VerifyError
from kexport.paths import is_inside
from kexport.temporary import temporary_folder
from kexport.workflows.manifest import FILE, FileEntry, ModelEntry, read_manifest

SUFFIX = ".zip"
DATA = "dist/"
CODE = "code/"
START = "__main__.py"
"""The names of the manifest's folder, the code's folder and the program in the bundle."""
MAX_MEMBERS = 20_000
MAX_MANIFEST = 64 << 20
"""Bytes."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that none depends on when it was made."""
_DAMAGED = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError, struct.error)
"""What zipfile raises on malformed bytes."""
_HINT = "make it again with kexport bundle"


def is_bundle(path: Path) -> bool:
    """Return whether a path is meant as a bundle."""
    return path.suffix.lower() == SUFFIX and not path.is_dir()


def write_bundle(path: Path, members: Sequence[tuple[str, Path | bytes]]) -> None:
    """Write a bundle of named files or bytes, in the order given; the same members give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, source in members:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            if isinstance(source, bytes):
                archive.writestr(info, source)
                continue
            info.file_size = source.stat().st_size
            with source.open("rb") as file, archive.open(info, "w") as member:
                shutil.copyfileobj(file, member, 1 << 20)


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """Unpack the manifest of a bundle and the files that it lists into a temporary folder, as `verify` takes it.

    Raises:
        ConfigError: there is no such file.
        VerifyError: it is not a bundle, or a damaged or hostile one.
    """
    with temporary_folder() as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                _unpack(archive, folder, path)
        except FileNotFoundError:
            raise ConfigError("there is no such file", where=str(path)) from None
        except _DAMAGED as e:
            raise VerifyError(f"not a bundle, or a damaged one: {e}", where=str(path), hint=_HINT) from e
        except OSError as e:
            raise VerifyError(f"cannot be unpacked: {e.strerror or e}", where=str(path)) from e
        yield folder


def _unpack(archive: zipfile.ZipFile, folder: Path, path: Path) -> None:
    members = _members(archive, path)
    if FILE not in members:
        raise _refused(path, f"it has no {DATA}{FILE}")
    if members[FILE].file_size > MAX_MANIFEST:
        raise _refused(path, f"its manifest has {members[FILE].file_size} bytes")
    _extract(archive, members[FILE], folder / FILE)
    for entry in _listed(_manifest(folder, path)):
        if entry.path not in members:
            raise _refused(path, f"it lacks {DATA}{entry.path}, which its manifest lists")
        _extract(archive, members[entry.path], folder / entry.path)


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the members with data by path, after checking that all members are harmless."""
    infos = [i for i in archive.infolist() if not i.is_dir()]
    if len(infos) > MAX_MEMBERS:
        raise _refused(path, f"it has {len(infos)} members")
    names: set[str] = set()
    for info in infos:
        if problem := _problem(info):
            raise _refused(path, f"its member {info.filename!r} {problem}")
        if info.filename.casefold() in names:
            raise _refused(path, f"it has {info.filename!r} twice")
        names.add(info.filename.casefold())
    if sum(i.file_size for i in infos) > path.stat().st_size:
        raise _refused(path, "its members claim more bytes than it has")
    return {i.filename.removeprefix(DATA): i for i in infos if i.filename.startswith(DATA)}


def _problem(info: zipfile.ZipInfo) -> str:
    """Return what is wrong with a member; empty if nothing is."""
    if not is_inside(info.filename):
        return "would be written outside of its folder"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is no regular file"
    if info.flag_bits & 1:
        return "is encrypted"
    return "is compressed" if info.compress_type != zipfile.ZIP_STORED else ""


def _manifest(folder: Path, path: Path) -> Mapping[str, ModelEntry]:
    try:
        return read_manifest(folder)
    except KexportError as e:
        e.where = str(path)
        raise


def _listed(models: Mapping[str, ModelEntry]) -> list[FileEntry]:
    """Return the files that a check of all models reads, each once. The manifest's reader has checked their paths."""
    found: dict[str, FileEntry] = {}
    for model in models.values():
        found.update({f.path: f for artifact in model.artifacts.values() for f in artifact.files})
        if model.reference:
            found[model.reference.path] = model.reference
    return list(found.values())


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(info) as member, place.open("xb") as file:
        shutil.copyfileobj(member, file, 1 << 20)


def _refused(path: Path, what: str) -> VerifyError:
    return VerifyError(f"not a bundle that can be checked: {what}", where=str(path), hint=_HINT)
