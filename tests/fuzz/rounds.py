"""Rounds of damaged files: a worker of a kind in a process of its own, and what became of its mutants."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

KINDS = {"documents": "document_worker", "keras": "keras_worker", "artifacts": "artifact_worker"}
"""What is damaged, and the module that tries it."""
STARTING = 240.0
EACH = 5.0
"""Seconds for packages and for the files that are damaged, and for a mutant on the average."""


@dataclass(frozen=True)
class Round:
    """What became of the mutants of one seed."""

    mutants: int
    outcomes: Counter[str] = field(default_factory=Counter[str])
    failures: list[str] = field(default_factory=list[str])
    """The lines of those that ended as none should; each begins with the seed and number that make it again."""

    @staticmethod
    def of(lines: Sequence[str], code: int | None) -> Round:
        """Read what a worker printed; `code` is its exit code, None if it was too slow."""
        begun = [line for line in lines if line.startswith("begin ")]
        ended = [line for line in lines if line.startswith("end ")]
        failures = [line for line in ended if "FAILED" in line or "TOUCHED" in line]
        if code != 0:
            failures.append(
                f"ended with {code} at {''.join(begun[-1:])}: {lines[-3:]}"[:1000]
                if lines
                else f"ended with {code} at "
            )
        return Round(len(ended), Counter(map(_outcome, ended)), failures)


def run_round(kind: str, seed: int, count: int, folder: Path, root: Path) -> Round:
    """Try `count` mutants of a kind; the same ones for the same seed."""
    command = [sys.executable, "-m", f"tests.fuzz.{KINDS[kind]}", str(folder), str(seed), str(count)]
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=root, stdout=out, stderr=subprocess.STDOUT)
        try:
            code: int | None = process.wait(STARTING + EACH * count)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = None
    return Round.of(log.read_text(errors="replace").splitlines(), code)


def _outcome(line: str) -> str:
    """The outcome in the line of a mutant, without its time and details."""
    for word in ("FAILED", "TOUCHED"):
        if word in line:
            return word
    return line.rpartition(": ")[2].rpartition(" in ")[0]
