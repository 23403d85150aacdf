"""Keeps the verdicts of later checks in the manifest, beside those of the export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kexport.documents.malformed import Malformed
from kexport.documents.read import read_json
from kexport.errors import ConfigError, EmitError
from kexport.verify.status import Status, Verdict
from kexport.workflows.files import sha256
from kexport.workflows.manifest import FILE, KIND, ModelEntry, manifest_text, read_settled
from kexport.workflows.publication import Change, Put, publish_all
from kexport.workflows.runs_file import RunRow, put_runs, rows_of
from kexport.workflows.staging import staging

Found = Mapping[str, Sequence[Verdict]]
"""Verdicts by target."""


def keep_verdicts(folder: Path, checked: ModelEntry, found: Found) -> str:
    """Put verdicts into the manifest of a folder, replacing older ones from the same machine and runtime.

    Args:
        folder: where the manifest is.
        checked: the artifacts that were checked; verdicts are dropped if the manifest lists other files by now.
        found: the verdicts by target.

    Returns:
        Why they could not be kept; empty if they are.
    """
    try:
        with staging(folder) as stage:
            publish_all(folder, stage, lambda: _change(folder, stage, checked, found))
    except (ConfigError, EmitError) as e:
        return f"the verdicts are not kept in {FILE}: {e.what}"
    except Malformed as e:  # of another machine
        return f"the verdicts are not kept in {FILE}: they make no sense: {e}"
    return ""


def merged(old: Sequence[Verdict], new: Sequence[Verdict]) -> list[Verdict]:
    """Merge verdicts: one per runtime and machine, the new one if there are two.

    A verdict that nothing could be run is dropped once the artifact was run, here or elsewhere.
    """
    found = {_key(v): v for v in old}
    for verdict in new:
        if was_run(verdict) or _is_settled(found.get(_key(verdict)), verdict):
            found[_key(verdict)] = verdict
    ran = {v.runtime for v in found.values() if was_run(v)}
    return [v for v in found.values() if was_run(v) or not (v.runtime in ran if v.runtime else ran)]


def _is_settled(old: Verdict | None, new: Verdict) -> bool:
    """Return whether an older verdict no longer holds, although the artifact was not run again.

    This is so for a fault found before running it, but not for a crash in an engine that has since been removed.
    """
    return not was_run(old) or (old is not None and not old.batches and old.version == new.version)


def was_run(verdict: Verdict | None) -> bool:
    """Return whether a verdict is about more than the file's format: it was run, or failed before it could be."""
    return verdict is not None and bool(verdict.batches or verdict.status is Status.FAILED)


def _key(verdict: Verdict) -> tuple[str, str, str]:
    return str(verdict.runtime), str(verdict.host), str(verdict.device)  # another machine may report anything


def _change(folder: Path, stage: Path, checked: ModelEntry, found: Found) -> Change:
    models = read_settled(folder)
    model = models.get(checked.name)
    if model is None:
        return Change([])
    rows: list[RunRow] = []
    for target, verdicts in found.items():
        artifact = model.artifacts.get(target)
        before = checked.artifacts.get(target)
        if artifact is not None and before is not None and artifact.digest == before.digest:
            artifact.judged(merged(artifact.known(), verdicts))
            rows += rows_of(target, artifact.digest, verdicts)
    text = stage / FILE
    text.write_text(manifest_text(models), encoding="utf-8")
    read_json(text, KIND)
    puts = put_runs(folder, stage, model, rows)
    return Change([*puts, Put(text, FILE)] if sha256(text) != sha256(folder / FILE) else puts)
