"""kexport beside Keras and TensorFlow of other versions, each pair apart: `python -m tests.versions 3.3/2.16`.

The environments are made below build/versions (2 GB each) and kept. Models are exported with all targets that pip
brings and verified; files that the Keras of this environment writes are read there, and their outputs compared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.versions.environment import ROOT, UnreachableError, environment
from tests.versions.pairs import PAIRS, Pair, find_pair
from tests.versions.run import Found
from tests.versions.table import head, row, show

SECONDS = 5400
"""For all models of one pair."""


def main() -> int:
    """Print what is not proven, and a row for each pair; 1 if anything is wrong or could not be tried."""
    parser = argparse.ArgumentParser(prog="python -m tests.versions", description=__doc__)
    parser.add_argument("pairs", nargs="*", help=f"such as {PAIRS[0].name}; all without any")
    parser.add_argument("--small", action="store_true", help="a few models of every kind, in a minute or two")
    parser.add_argument("--layers", action="store_true", help="capture every layer with every option too")
    parser.add_argument("--install", action="store_true", help="only make the environments")
    chosen = parser.parse_args()
    names = [pair.name for pair in PAIRS]
    for name in set(chosen.pairs) - set(names):
        parser.error(f"there is no pair {name!r}; pairs: {', '.join(names)}")
    pairs = [find_pair(name) for name in chosen.pairs or names]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "files"
        for pair in pairs:
            try:
                python = environment(pair)
            except UnreachableError as e:
                print(f"{pair.name} cannot be installed here: {e}", flush=True)
                wrong += 1
                continue
            if chosen.install:
                continue
            if not files.exists():
                write_files(files, chosen.small)
                print(head(), flush=True)
            results = try_pair(pair, python, files, small=chosen.small, layers=chosen.layers)
            wrong += show(pair, results)
            print(row(results), flush=True)
    return 1 if wrong else 0


def write_files(folder: Path, small: bool) -> None:
    """Files of the newest Keras, to be read by others."""
    options = ["--small"] if small else []
    subprocess.run([sys.executable, "-m", "tests.versions.exchange", str(folder), *options], check=True, cwd=ROOT)


def try_pair(
    pair: Pair, python: Path, files: Path | None, *, small: bool, layers: bool = False, seconds: int = SECONDS
) -> list[Found]:
    """What a pair makes of everything; the last line is an error if its process ended early."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.jsonl"
        command = [str(python), "-m", "tests.versions.run", str(results)]
        command += ["--small"] if small else []
        command += ["--layers"] if layers else []
        command += ["--files", str(files)] if files else []
        variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=variables, timeout=seconds, capture_output=True, text=True, check=False
            )
            end = "" if done.returncode == 0 else f"it ended with {done.returncode}: {done.stderr[-600:]}"
        except subprocess.TimeoutExpired:
            end = f"not done after {seconds} s"
        lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    found = [Found(**json.loads(line)) for line in lines]
    return [*found, Found("everything after", "all", "error", end)] if end else found


if __name__ == "__main__":
    sys.exit(main())
