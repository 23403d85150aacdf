"""What an old ONNX Runtime makes of artifacts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kexport_onnx.versions import Release, parse_release

RUNNER = Path(__file__).with_name("runner.py")

FAULTS: dict[str, tuple[Release, str]] = {
    "maximum-nan open": (Release(1, 19), "Max does not hand on NaN"),
    "maximum-nan fixed": (Release(1, 19), "Max does not hand on NaN"),
    "reduce_max-empty open": (Release(1, 21), "reductions of nothing are refused"),
    "reduce_max-empty fixed": (Release(1, 21), "reductions of nothing are refused"),
}
"""Faults of the engine that no other form of the file avoids: the first release without it, and what it is."""


@dataclass
class Outcome:
    """One release: artifacts that are right, that say they need a newer one, with a known fault, and all others."""

    version: str
    right: int = 0
    newer: int = 0
    faults: dict[str, str] = field(default_factory=dict[str, str])
    wrong: dict[str, str] = field(default_factory=dict[str, str])

    def row(self) -> str:
        """The counts in columns."""
        return f"{self.version:12}{self.right:10}{self.newer:10}{len(self.faults):8}{len(self.wrong):8}"


HEAD = f"{'release':12}{'right':>10}{'newer':>10}{'faults':>8}{'wrong':>8}"


def run_cases(python: Path, folder: Path) -> dict[str, Any]:
    """What the runner prints; a crash is an error."""
    command = [str(python), str(RUNNER), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise RuntimeError(f"the runner ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def judge(found: Mapping[str, Any], index: Sequence[Mapping[str, Any]]) -> Outcome:
    """Sort what one release made of the cases. An artifact that says it runs here has to."""
    release = parse_release(found["version"])
    outcome = Outcome(found["version"])
    needs = {entry["name"]: parse_release(entry["runtime"]) for entry in index if "runtime" in entry}
    for case in found["found"]:
        name = case["name"]
        wrong = case["wrong"]
        until, what = FAULTS.get(name, (release, ""))
        if not wrong:
            outcome.right += 1
        elif needs[name] > release and wrong.startswith("refused"):
            outcome.newer += 1
        elif release < until:
            outcome.faults[name] = what
        else:
            outcome.wrong[name] = wrong
    return outcome
