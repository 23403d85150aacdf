"""Injects all faults and prints the kill rate and the survivors: `python -m tests.faults`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.faults import files, matrix
from tests.faults.bench import bench
from tests.faults.engines import RUNTIMES, is_there
from tests.faults.models import MODELS
from tests.faults.outcome import Case, Score

PLACES = {"onnx": None, "tflite": 1}
"""Targets that faults in graphs are written to, and at how many places of each model; None for all."""


def main() -> int:
    """1 if a fault survived or something harmless was rejected."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--targets", nargs="+", choices=RUNTIMES, default=list(RUNTIMES))
    args = parser.parse_args()
    found: list[Case] = []
    with tempfile.TemporaryDirectory() as name:
        for title, cases in _parts(Path(name), args.models, args.targets):
            score = Score(tuple(cases))
            found += score.cases
            print(f"{title}: {score.line()}", flush=True)
    total = Score(tuple(found))
    for case in total.wrong:
        print(
            f"{case.outcome.value}: {case.target} {case.model} {case.fault!r} at {case.place}, "
            f"{case.change:.3g} units: {case.reason}"
        )
    print(f"all: {total.line()}")
    return int(bool(total.wrong))


def _parts(folder: Path, models: list[str], targets: list[str]) -> Iterator[tuple[str, Iterator[Case]]]:
    for target in targets:
        if not is_there(target):
            print(f"{target}: not installed here", file=sys.stderr)
            continue
        if target in PLACES:
            limit = PLACES[target]
            cases = (c for m in models for c in matrix.run(bench(m), folder, target, limit=limit))
            yield f"{target}, faults in graphs", cases
        for form in files.FORMS:
            if form.target == target:
                yield f"{form.title}, faults in files", files.run_all(form, models, folder)


if __name__ == "__main__":
    raise SystemExit(main())
