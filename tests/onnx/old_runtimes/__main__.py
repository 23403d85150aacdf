"""Artifacts in old releases of ONNX Runtime, real wheels: `python -m tests.onnx.old_runtimes [1.17 1.20 1.23]`.

Every op in every element type, small nets and Keras layers in models, as the default export writes them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import chain
from pathlib import Path

from tests.onnx.old_runtimes.cases import of_masks, of_nets, of_ops, of_types, write_cases
from tests.onnx.old_runtimes.environment import FOLDER, UnreachableError, environment
from tests.onnx.old_runtimes.judge import HEAD, Outcome, judge, run_cases
from tests.onnx.old_runtimes.models import export_models, verify_models

RELEASES = ("1.17", "1.20", "1.23")


def main() -> int:
    """Print what is wrong, and a table of counts by release; 1 if anything is."""
    parser = argparse.ArgumentParser(prog="python -m tests.onnx.old_runtimes", description=__doc__)
    parser.add_argument("releases", nargs="*", default=RELEASES, help=f"such as {' '.join(RELEASES)}")
    parser.add_argument("--no-models", action="store_true", help="leave the models of Keras layers out")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cases = Path(folder) / "cases"
        models = Path(folder) / "models"
        cases.mkdir()
        index = write_cases(cases, chain(of_ops(), of_types(), of_masks(), of_nets()))
        needs = {} if chosen.no_models else export_models(models)
        wrong = [e["name"] for e in index if "refused" in e]
        print("\n".join(f"not exported: {name}" for name in wrong))
        table = [HEAD]
        for release in chosen.releases:
            try:
                python = environment(release, FOLDER)
            except UnreachableError as e:
                table.append(f"{release:12}{e}")
                wrong.append(release)
                continue
            ops = judge(run_cases(python, cases), index)
            layers = judge(
                verify_models(python, models, needs, ops.version), [{"name": n, "runtime": r} for n, r in needs.items()]
            )
            for outcome in (ops, layers):
                wrong += show(outcome)
            table += [ops.row() + "  ops and nets", layers.row() + "  models of Keras layers"]
    print("\n".join(table))
    return 1 if wrong else 0


def show(outcome: Outcome) -> list[str]:
    """Print what is wrong with a release, and the faults of its own; the names of what is wrong."""
    for name, what in outcome.faults.items():
        print(f"{outcome.version} known fault: {name}: {what}")
    for name, what in outcome.wrong.items():
        print(f"{outcome.version} WRONG: {name}: {what}")
    return list(outcome.wrong)


if __name__ == "__main__":
    sys.exit(main())
