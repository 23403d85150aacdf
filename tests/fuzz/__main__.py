"""Damages files for as long as it is told to.

usage: python -m tests.fuzz [--minutes 30] [--seed 1] [--count 200] [documents|keras|artifacts ...]

Each round has a seed of its own. For every kind it prints how many mutants there were and how they ended; what ended
as it should not is printed with the seed and the number that make it again, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from itertools import count
from pathlib import Path

from tests.fuzz.rounds import KINDS, run_round

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Go round the kinds until the time is over."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description="Damages files and sees what becomes of them.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all without")
    parser.add_argument("--minutes", type=float, default=1, help="how long")
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--count", type=int, default=200, help="mutants a round")
    given = parser.parse_args()
    if unknown := set(given.kinds) - KINDS.keys():
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    kinds = given.kinds or list(KINDS)
    end = time.monotonic() + 60 * given.minutes
    totals = {kind: Counter[str]() for kind in kinds}
    failed = False
    for seed in count(given.seed):
        for kind in kinds:
            with tempfile.TemporaryDirectory(prefix="kexport-fuzz-") as folder:
                found = run_round(kind, seed, given.count, Path(folder), ROOT)
            totals[kind] += found.outcomes
            failed |= bool(found.failures)
            print(f"{kind}, seed {seed}: {found.mutants} mutants, {len(found.failures)} failures", flush=True)
            print(*(f"  {line}" for line in found.failures), sep="\n", end="\n" if found.failures else "", flush=True)
        if time.monotonic() > end:
            break
    for kind, outcomes in totals.items():
        words = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.most_common())
        print(f"{kind}: {outcomes.total()} mutants: {words}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
