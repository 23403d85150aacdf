"""`kexport.bench.json` beside the manifest: the measured times, by model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kexport.engines.bench import Timing
from kexport.workflows.side_file import SideFile


@dataclass(frozen=True)
class BenchRow:
    """One artifact in one runtime with a number of threads."""

    target: str
    path: str
    sha256: str
    """The hash of the artifact's files, which tells whether it is still the one that was timed."""
    size: int
    runtime: str
    version: str
    device: str
    threads: int
    timing: Timing

    @property
    def key(self) -> tuple[str, str, int]:
        return self.target, self.runtime, self.threads


@dataclass(frozen=True)
class BenchReport:
    """The measured times of one model, with the machine and the sizes of the inputs."""

    name: str
    host: Mapping[str, str]
    sizes: Mapping[str, int]
    rows: tuple[BenchRow, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """A JSON object; times in seconds."""
        return asdict(self) | {"rows": [asdict(r) for r in self.rows]}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> BenchReport:
        """The inverse of `to_json`."""
        rows = tuple(BenchRow(**{**r, "timing": Timing(**r["timing"])}) for r in data["rows"])
        return BenchReport(data["name"], data["host"], data["sizes"], rows)


BENCH = SideFile("kexport.bench.json", "measurements", "kexport bench", BenchReport.from_json, "bench")


def merge_bench(old: BenchReport | None, new: BenchReport) -> BenchReport:
    """Merge new rows with the old ones of other contenders, if these were timed on the same machine and sizes."""
    if old is None or (dict(old.host), dict(old.sizes)) != (dict(new.host), dict(new.sizes)):
        return new
    timed = {row.key for row in new.rows}
    current = {row.target: row.sha256 for row in new.rows}
    kept = [r for r in old.rows if r.key not in timed and current.get(r.target, r.sha256) == r.sha256]
    rows = sorted([*kept, *new.rows], key=lambda r: r.key)
    return BenchReport(new.name, new.host, new.sizes, tuple(rows))
