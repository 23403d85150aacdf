"""`kexport.runs.json` beside the manifest: the seconds and the memory of the runs that verdicts rest on, by model.

They differ between runs, unlike everything else that an export writes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kexport.errors import VerifyError
from kexport.verify.status import Verdict
from kexport.workflows.manifest import ModelEntry
from kexport.workflows.publication import Put
from kexport.workflows.side_file import SideFile


@dataclass(frozen=True)
class RunRow:
    """One artifact in one runtime on one machine: `load`, `first` and `best` in seconds, and the peak in bytes."""

    target: str
    sha256: str
    """The hash of the artifact's files, which tells whether it is still the one that was run."""
    runtime: str
    host: str
    device: str
    seconds: Mapping[str, float]
    peak_bytes: int

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.target, self.runtime, self.host, self.device


@dataclass(frozen=True)
class RunsEntry:
    """The runs of one model."""

    name: str
    rows: tuple[RunRow, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self) | {"rows": [asdict(r) for r in self.rows]}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> RunsEntry:
        """The inverse of `to_json`."""
        return RunsEntry(data["name"], tuple(RunRow(**row) for row in data["rows"]))

    def timed(self, verdict: Verdict, digest: str) -> Verdict:
        """Add the times of its run to a verdict on files with this hash, if they are known."""
        key = (verdict.target, verdict.runtime, verdict.host, verdict.device)
        row = next((r for r in self.rows if r.key == key and r.sha256 == digest), None)
        if row is None:
            return verdict
        return dataclasses.replace(verdict, seconds=row.seconds, peak_bytes=row.peak_bytes)


RUNS = SideFile("kexport.runs.json", "times of runs", "kexport verify", RunsEntry.from_json, "runs")


def put_runs(folder: Path, stage: Path, model: ModelEntry, rows: Sequence[RunRow]) -> list[Put]:
    """Add rows to the file and drop those of vanished artifacts; return the file to put, or nothing if it is unchanged.

    The caller holds the folder. A damaged file is replaced, as its contents can be measured again.
    """
    try:
        entries = RUNS.read(folder)
    except VerifyError:
        entries = {}
    current = {(a.target, a.digest) for a in model.artifacts.values()}
    old = entries.get(model.name, RunsEntry(model.name))
    found = {r.key: r for r in (*old.rows, *rows) if (r.target, r.sha256) in current}
    new = RunsEntry(model.name, tuple(found[key] for key in sorted(found)))
    return [] if new == old else [RUNS.put(stage, entries | {model.name: new})]


def rows_of(target: str, digest: str, verdicts: Sequence[Verdict]) -> list[RunRow]:
    """Return the times of the runs behind verdicts."""
    return [
        RunRow(target, digest, v.runtime, v.host, v.device, dict(v.seconds), v.peak_bytes)
        for v in verdicts
        if v.seconds
    ]
