"""Packs a folder with artifacts into one file that checks itself anywhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from kexport.errors import ConfigError, VerifyError
from kexport.evidence.reference_file import SUFFIX, save_reference
from kexport.names import suggest
from kexport.replay.code import STARTER, code_files
from kexport.target import find_target
from kexport.workflows.bundle import CODE, DATA, START, is_bundle, opened, write_bundle
from kexport.workflows.choice import Names, each_target
from kexport.workflows.intact import artifact_damage
from kexport.workflows.manifest import FILE, FileEntry, ModelEntry, find_folder, manifest_text, read_manifest
from kexport.workflows.staging import publish, staging
from kexport.workflows.verifying import choose_model, choose_reference


@dataclasses.dataclass(frozen=True)
class Bundled:
    """A written bundle."""

    path: str
    size: int
    model: str
    targets: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def bundle(
    dist: str | Path,
    out: str | Path,
    *,
    name: str | None = None,
    to: Names = None,
    reference: str | Path | None = None,
) -> Bundled:
    """Pack one model's manifest, artifacts and reference with the code that checks them.

    Equal content gives equal bytes. The file appears when it is complete, or not at all.

    Args:
        dist: the folder that `export` wrote, one artifact in it, or another bundle.
        out: the file to write, `.zip`.
        name: which model, if there are several.
        to: targets to pack, as for `export`; None for all.
        reference: a reference file to use instead of the folder's own.

    Raises:
        ConfigError: no such model or target, or no place to write to.
        VerifyError: a file or the reference is missing or damaged.
    """
    source = Path(dist)
    out = Path(out)
    if not is_bundle(out):
        raise ConfigError("a bundle's name ends in .zip", where=str(out), hint="for example -o check.zip")
    if is_bundle(source):
        with opened(source) as folder:
            return bundle(folder, out, name=name, to=to, reference=reference)
    folder = find_folder(source)
    entry = _part_of(choose_model(read_manifest(folder), folder, name, source), folder, source, to)
    with staging(out.parent) as stage:
        files = _data(entry, folder, reference, stage)
        code = code_files(entry.artifacts)
        whole = stage / out.name
        members = [(START, STARTER), *files, *((CODE + path, file) for path, file in code)]
        write_bundle(whole, members)
        size = whole.stat().st_size
        publish(whole, out)
    return Bundled(str(out), size, entry.name, tuple(entry.artifacts))


def _part_of(entry: ModelEntry, folder: Path, source: Path, to: Names) -> ModelEntry:
    """Reduce the entry to the requested artifacts and to what a check reads."""
    wanted = [find_target(name).name for name in each_target(to)]
    for name in wanted:
        if name not in entry.artifacts:
            hint = suggest(name, entry.artifacts, "it has")
            raise ConfigError(f"{entry.name} has no artifact for {name!r}", where=str(source), hint=hint)
    artifacts = {
        target: a
        for target, a in entry.artifacts.items()
        if (not wanted or target in wanted) and (source == folder or folder / a.path == source) and not a.kept
    }
    if not artifacts:
        raise ConfigError("there is nothing to pack", where=str(source), hint="export a model to this folder first")
    return dataclasses.replace(entry, artifacts=artifacts, graph=None, captured=None)


def _data(entry: ModelEntry, folder: Path, reference: str | Path | None, stage: Path) -> list[tuple[str, Path | bytes]]:
    """Return the manifest and the files that it lists, by their paths in the bundle."""
    places = {f.path: folder / f.path for a in entry.artifacts.values() for f in a.files}
    problem = next((p for a in entry.artifacts.values() if (p := artifact_damage(folder, a))), None)
    if problem:
        raise VerifyError(f"what is damaged is not packed: {problem}", where=str(folder), hint="export it again")
    recorded = choose_reference(entry, folder, reference)
    if entry.reference is None or reference is not None:
        path = stage / f"{entry.name}{SUFFIX}"
        save_reference(recorded, path)
        entry.reference = FileEntry.of(path, stage)
        places[entry.reference.path] = path
    else:
        places[entry.reference.path] = folder / entry.reference.path
    text = manifest_text({entry.name: entry})
    return [(DATA + FILE, text.encode()), *((DATA + path, places[path]) for path in sorted(places))]
