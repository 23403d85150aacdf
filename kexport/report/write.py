"""write_report: the page of a folder, as one file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kexport.errors import ConfigError
from kexport.report.by_target import targets_of
from kexport.report.facts import read_facts
from kexport.report.page import render_page
from kexport.workflows.manifest import find_folder


@dataclass(frozen=True)
class Written:
    """The written file, and the status of every artifact in it, by model and target."""

    path: str
    models: Mapping[str, Mapping[str, str]]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"path": self.path, "models": {name: dict(found) for name, found in self.models.items()}}


def write_report(dist: str | Path, out: str | Path = "report.html", *, name: str | None = None) -> Written:
    """Write all that is known of a folder's artifacts to one HTML file that loads nothing.

    The bytes depend on these facts alone: not on time, machine or place.

    Args:
        dist: the folder that `export` wrote.
        out: the file to write.
        name: which model; None for all.

    Raises:
        ConfigError: no manifest, no such model, or the file cannot be written.
        VerifyError: the manifest or a file beside it is damaged.
    """
    facts = read_facts(find_folder(Path(dist)), name)
    path = Path(out)
    partial = path.with_name(f".{path.name}.part")
    page = render_page(facts)
    try:
        partial.write_text(page, encoding="utf-8", newline="\n")
        os.replace(partial, path)
    except OSError as e:
        partial.unlink(missing_ok=True)
        raise ConfigError(f"cannot write here: {e.strerror}", where=str(out), hint="choose another file with -o") from e
    return Written(str(out), {f.model.name: {r.target: r.status for r in targets_of(f)} for f in facts})
