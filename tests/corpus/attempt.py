"""One model exported by the command line, and what came of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

GRACE = 60
"""Seconds beyond the limit that kexport itself is given, after which the process is ended from outside."""


@dataclass(frozen=True)
class Outcome:
    """What became of one model. `statuses` are by target; `cause` is why there are none, or why one is not good."""

    model: str
    code: int
    seconds: float
    statuses: Mapping[str, str] = field(default_factory=dict[str, str])
    cause: str = ""

    @property
    def opened(self) -> bool:
        return bool(self.statuses)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def attempt(model: Path, shown: str, targets: Sequence[str], timeout: float) -> Outcome:
    """Export a model to targets, in a process of its own; every one that can be had if none is named."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kexport-corpus-") as out:
        command = [
            sys.executable,
            "-m",
            "kexport",
            "export",
            str(model),
            "-o",
            out,
            "--json",
            "--timeout",
            f"{timeout:g}",
        ]
        command += ["--to", ",".join(targets)] if targets else []
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=4 * timeout + GRACE, check=False)
            code = done.returncode
            document = _document(done.stdout)
        except subprocess.TimeoutExpired:
            code = 124
            document = {"error": {"kind": "Timeout", "what": f"it did not end after {4 * timeout + GRACE:g} s"}}
    seconds = round(time.monotonic() - start, 1)
    artifacts = document.get("artifacts", [])
    statuses = {a["target"]: a["status"] for a in artifacts}
    return Outcome(shown, code, seconds, statuses, _cause(document))


def _document(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {"error": {"kind": "NoDocument", "what": text[-200:]}}
    return found if isinstance(found, dict) else {}


def _cause(document: Mapping[str, Any]) -> str:
    error = document.get("error")
    if error:
        return f"{error.get('kind')}: {general(str(error.get('what')))}"
    bad = [a for a in document.get("artifacts", []) if a["status"] in ("failed", "refused")]
    return "; ".join(f"{a['target']} {a['status']}: {general(str(a.get('reason', '')))}" for a in bad)


def general(text: str) -> str:
    """The first lines of a message without names and numbers, so that equal causes are counted as one."""
    text = " ".join(text.split("\n")[:2])
    text = re.sub(r"'[^']*'", "'…'", text)
    return re.sub(r"[-+]?\d[\d.e+-]*", "N", text)[:160]
