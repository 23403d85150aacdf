"""Exports without a model: files with a word in them, published as an export is."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from kexport.ir.contract import Contract, Port
from kexport.ir.types import TensorType
from kexport.workflows.manifest import ArtifactEntry, damage, file_entries, read_manifest
from kexport.workflows.publication import PUBLISHING
from kexport.workflows.publishing import QUARANTINE, Export, Made, publish_export
from kexport.workflows.staging import PREFIX, staging

CONTRACT = Contract((Port("x", TensorType.parse("f32[batch,2]")),), (Port("y", TensorType.parse("f32[batch,2]")),))
FILES = {"onnx": ("m.onnx", "m.data"), "tflite": ("m.tflite",), "tfjs": ("m.tfjs/model.json", "m.tfjs/shard.bin")}
"""What artifacts consist of, by target: a file with another beside it, a file, a folder."""


def publish_words(
    out: Path,
    word: str,
    targets: Sequence[str],
    *,
    name: str = "m",
    failed: Sequence[str] = (),
    fingerprint: str = "",
    keep: bool = False,
    files: Mapping[str, Sequence[str]] = FILES,
) -> None:
    """Publish artifacts that hold a word; of another model for every word, unless a fingerprint is given."""
    with staging(out) as stage:
        made: list[Made] = []
        for target in targets:
            folder = stage / target
            paths = [folder / f.replace("m.", f"{name}.", 1) for f in files[target]]
            for path in paths:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{word} in {path.name}")
            made.append(Made(folder, _entry(target, folder, f"{name}.{target}", target in failed)))
        reference = stage / f"{name}.reference.safetensors"
        reference.write_text(word)
        export = Export(name, fingerprint or word, CONTRACT, made, {"reference": reference})
        publish_export(export, out, stage, keep=keep)


def _entry(target: str, folder: Path, path: str, failed: bool) -> ArtifactEntry:
    place = f"{QUARANTINE}/" if failed else ""
    files = [dataclasses.replace(f, path=place + f.path) for f in file_entries(folder, sorted(folder.iterdir()))]
    return ArtifactEntry(target, place + path, files, "failed" if failed else "valid")


def contents(out: Path) -> dict[str, str]:
    """The files that are no secret of ours, by path."""
    found = {p.relative_to(out).as_posix(): p for p in out.rglob("*") if p.is_file()}
    return {path: p.read_text() for path, p in sorted(found.items()) if not path.startswith(".kexport")}


def hidden(out: Path) -> list[str]:
    """What lies hidden in a folder."""
    return sorted(p.name for p in out.iterdir() if p.name.startswith("."))


def problems(out: Path) -> list[str]:
    """What is wrong in a folder as the manifest tells: files that it lists and are others, or that it does not list."""
    listed = {f for m in read_manifest(out).values() for a in m.artifacts.values() for f in a.files}
    listed |= {f for m in read_manifest(out).values() for f in m.beside}
    found = [p for f in listed if (p := damage(out, [f]))]
    unknown = set(contents(out)) - {f.path for f in listed} - {"kexport.json"}
    return sorted(found) + sorted(f"not in the manifest: {path}" for path in unknown)


def halves(out: Path) -> list[str]:
    """Artifacts at their own places that are neither whole nor gone, before anybody finishes an unfinished export."""
    found: list[str] = []
    for folder in (out, out / QUARANTINE):
        for target in ("onnx", "tflite", "tfjs"):
            files = [folder / f for f in FILES[target]]
            if target == "onnx":  # two files at two names
                files = files[:1]
            words = [f.read_text().split()[0] if f.exists() else None for f in files]
            if len(set(words)) > 1:
                found.append(f"{target} in {folder.name}: {words}")
    return found


def decided(out: Path) -> bool:
    """Whether an unfinished export is to be finished."""
    return (out / PUBLISHING / "plan.json").exists()


def is_json(path: Path) -> bool:
    """Whether a manifest is whole."""
    return isinstance(json.loads(path.read_text()), dict)


__all__ = ["PREFIX", "contents", "decided", "halves", "hidden", "is_json", "problems", "publish_words"]
