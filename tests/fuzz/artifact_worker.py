"""Reads damaged artifacts one after the other, and prints what became of each; watched for what it touches.

usage: python -m tests.fuzz.artifact_worker FOLDER SEED COUNT
"""

from __future__ import annotations

import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kexport.errors import KexportError
from kexport.reading import check_format, facts_of, parts_of, read_back
from kexport.target import targets
from kexport.workflows.inspecting import inspect_artifact
from tests.fuzz.artifact_files import bases, mutants
from tests.fuzz.keras_worker import Watch, say

MEMORY = 6 << 30
"""Bytes of address space: nothing in a small file is worth more."""


def roads(path: Path) -> list[Callable[[], Any]]:
    """What is done with an artifact before an engine gets it."""
    target = next(t for t in targets().values() if path.name.endswith(t.suffix))
    return [
        lambda: check_format(target, path),
        lambda: read_back(target, path),
        lambda: parts_of(target, path),
        lambda: facts_of(target, path),
        lambda: inspect_artifact(path),
    ]


def outcome_of(path: Path) -> str:
    """What became of an artifact; the road that ends in an error that is none of ours is named."""
    refused: set[str] = set()
    for number, road in enumerate(roads(path)):
        try:
            road()
        except KexportError as e:
            refused.add(type(e).__name__)
            str(e)
        except BaseException as e:  # noqa: BLE001  that is what is looked for
            if os.environ.get("FUZZ_TRACE"):
                traceback.print_exc()
            place = traceback.extract_tb(e.__traceback__)[-1]
            return f"FAILED road {number} {type(e).__name__}: {str(e)[:200]!r} at {place.filename}:{place.lineno}"
    return f"refused {' '.join(sorted(refused))}" if refused else "read"


def main(folder: Path, seed: int, count: int) -> None:
    """Read `count` mutants and print a line for each: its name, what became of it, and how long that took."""
    (folder / "warm").mkdir()
    for path in bases(folder / "warm").values():
        assert outcome_of(path) == "read", f"{path}: {outcome_of(path)}"
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    watch = Watch(folder)
    sys.addaudithook(watch)
    for name, path in mutants(seed, folder, count):
        say(f"begin {name}")
        started = time.monotonic()
        watch.on = True
        outcome = outcome_of(path)
        watch.on = False
        touched = f" TOUCHED {watch.found}" if watch.found else ""
        watch.found.clear()
        say(f"end {name}: {outcome}{touched} in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
