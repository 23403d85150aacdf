"""Measures how near right artifacts come to their tolerances: `python -m tests.noise`.

Needed: no ratio above 1, and fewer than 1 in 1000 above 0.5. With `--file` what was measured before is not repeated.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
import tempfile
from pathlib import Path

from tests.faults.engines import RUNTIMES, is_there
from tests.noise import suite
from tests.noise.models import MODELS

SEEDS = 20
NEAR = 0.5
RARE = 1e-3
"""Ratios above NEAR may be so rare."""


def main() -> int:
    """1 if a right artifact is rejected, or too many come near to that."""
    parser = argparse.ArgumentParser(prog="python -m tests.noise", description=__doc__)
    parser.add_argument("models", nargs="*", default=["*"], help="patterns of names, such as 'head/*'")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--targets", nargs="+", choices=RUNTIMES, default=[t for t in RUNTIMES if is_there(t)])
    parser.add_argument("--every", type=int, default=1, help="take every EVERY-th model only")
    parser.add_argument("--file", type=Path, help="keeps what was measured, a line each")
    args = parser.parse_args()
    names = [n for n in MODELS if any(fnmatch.fnmatch(n, p) for p in args.models)][:: args.every]
    with tempfile.TemporaryDirectory() as folder:
        file = args.file or Path(folder) / "points.jsonl"
        done = {(p.model, p.seed) for p in suite.load(file)}
        chosen = [(n, MODELS[n]) for n in names]
        seeds = range(args.first, args.first + args.seeds)
        for point in suite.points(chosen, seeds, args.targets, Path(folder), lambda n, s: (n, s) in done):
            suite.save(point, file)
            if point.ratio > NEAR or point.status in ("failed", "error"):
                print(
                    f"{point.ratio:.3g} {point.model} seed {point.seed} {point.engine}: {point.status} {point.reason}",
                    flush=True,
                )
        found = suite.load(file)
    print("\n".join(suite.table(found)))
    near = sum(p.ratio > NEAR for p in found)
    return int(any(p.ratio > 1 for p in found) or near > RARE * len(found))


if __name__ == "__main__":
    sys.exit(main())
