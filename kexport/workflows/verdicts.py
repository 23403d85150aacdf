"""What later checks show about artifacts is kept where export has put what it found: in the manifest."""

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
    """Put verdicts into the manifest of a folder, in the place of older ones from the same machine and runtime.

    Args:
        folder: where the manifest is.
        checked: what was checked; where the manifest lists other files by now, the verdicts are about none of it.
        found: what was shown.

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
    """The verdicts of both, one for each runtime and machine, the new one where there are two.

    That something could not be run says nothing any more where it was run, here or elsewhere.
    """
    found = {_key(v): v for v in old}
    for verdict in new:
        if was_run(verdict) or _is_settled(found.get(_key(verdict)), verdict):
            found[_key(verdict)] = verdict
    ran = {v.runtime for v in found.values() if was_run(v)}
    return [v for v in found.values() if was_run(v) or not (v.runtime in ran if v.runtime else ran)]


def _is_settled(old: Verdict | None, new: Verdict) -> bool:
    """Whether what an older verdict says no longer holds, although the artifact was not run again.

    So it is with a fault that was found before it was run. With a crash it is not, if the engine has gone since.
    """
    return not was_run(old) or (old is not None and not old.batches and old.version == new.version)


def was_run(verdict: Verdict | None) -> bool:
    """Whether a verdict is about more than the file's format: it was run, or failed before it could be."""
    return verdict is not None and bool(verdict.batches or verdict.status is Status.FAILED)


def _key(verdict: Verdict) -> tuple[str, str, str]:
    return str(verdict.runtime), str(verdict.host), str(verdict.device)  # another machine may say anything


def _change(folder: Path, stage: Path, checked: ModelEntry, found: Found) -> Change:
    models = read_settled(folder)
    model = models.get(checked.name)
    if model is None:
        return Change([])
    rows: list[RunRow] = []
    for target, verdicts in found.items():
        artifact, before = model.artifacts.get(target), checked.artifacts.get(target)
        if artifact is not None and before is not None and artifact.digest == before.digest:
            artifact.judged(merged(artifact.known(), verdicts))
            rows += rows_of(target, artifact.digest, verdicts)
    text = stage / FILE
    text.write_text(manifest_text(models), encoding="utf-8")
    read_json(text, KIND)
    puts = put_runs(folder, stage, model, rows)
    return Change([*puts, Put(text, FILE)] if sha256(text) != sha256(folder / FILE) else puts)
