"""Checks the output folder before any work: it must be writable and not belong to a model."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from kexport.errors import ConfigError
from kexport.target import targets
from kexport.workflows.choice import model_name
from kexport.workflows.manifest import FILE, read_manifest


def check_place(out: Path, model: Any, name: str | None) -> None:
    """Raise now what would otherwise fail after minutes of capture and verification.

    Raises:
        ConfigError: `out` is a file, is called like one, lies inside the model or cannot be written; or the name of the
            artifacts is no name of a file.
        VerifyError: the manifest that lies there is damaged.
    """
    model_name(name, "")
    check_folder(out)
    _refuse_artifact(out)
    _refuse_model(out, model)
    read_manifest(out)


def check_folder(out: Path) -> None:
    """Raise ConfigError unless a folder can be made or written to, without making it."""
    found = next((p for p in (out, *out.absolute().parents) if p.exists() or p.is_symlink()), out)
    if not found.is_dir():
        what = "this is a file, not a folder" if found == out else f"{found} is a file, not a folder"
        raise ConfigError(what, where=str(out), hint="give a new folder, or one of earlier exports, with -o")
    try:
        with tempfile.TemporaryFile(dir=found):
            pass
    except OSError as e:
        hint = "choose a folder you may write to with -o"
        raise ConfigError(f"cannot write here: {e.strerror}", where=str(out), hint=hint) from e


def check_file(out: Path) -> None:
    """Raise ConfigError unless a file can be written in an existing folder."""
    if out.is_dir():
        raise ConfigError(
            "this is a folder, not a file", where=str(out), hint=f"for example {out / 'reference.safetensors'}"
        )
    if not out.absolute().parent.is_dir():
        raise ConfigError(
            "there is no such folder", where=str(out.parent), hint=f"make it first: mkdir -p {out.parent}"
        )
    check_folder(out.absolute().parent)


def _refuse_artifact(out: Path) -> None:
    """Raise ConfigError if the name is that of an artifact, as -o names a folder."""
    suffix = out.suffix.lower()
    target = next((t for t in targets().values() if t.suffix == suffix), None)
    if target is None or (out / FILE).is_file():
        return
    what = f"-o is a folder, and this is the name of {target.title} artifacts"
    hint = f"write -o {out.parent} --name {out.stem} --to {target.name}, which makes {out}"
    raise ConfigError(what, where=str(out), hint=hint)


def _refuse_model(out: Path, model: Any) -> None:
    """Raise ConfigError if the folder is that of a model, or inside one: models stay as they were written."""
    source = Path(model).resolve() if isinstance(model, (str, os.PathLike)) else None
    place = out.resolve()
    if source is not None and source.is_dir() and source in (place, *place.parents):
        raise ConfigError("it is inside of the model", where=str(out), hint="give a folder of its own with -o")
