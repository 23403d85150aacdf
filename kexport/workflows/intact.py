"""Checks that an artifact has exactly the files that its manifest lists."""

from __future__ import annotations

from pathlib import Path

from kexport.errors import KexportError
from kexport.paths import inside
from kexport.reading import parts_of
from kexport.target import find_target
from kexport.workflows.manifest import ArtifactEntry, damage_of


def artifact_damage(folder: Path, artifact: ArtifactEntry) -> str | None:
    """Return what is wrong with an artifact's files, or None: one is lost, changed, or read without being listed."""
    try:
        place = inside(folder, artifact.path)
        if problem := damage_of(folder, artifact):
            return problem
        parts = parts_of(find_target(artifact.target), place)
    except KexportError as e:
        return e.what
    listed = {f.path for f in artifact.files}
    for part in parts:
        if not part.is_relative_to(folder):
            return f"{part.name} is no file of this folder"
        name = part.relative_to(folder).as_posix()
        if name not in listed:
            return f"{name} is not in the manifest"
    return None
