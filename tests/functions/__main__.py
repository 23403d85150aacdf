"""How many functions of keras.ops are verified on targets: `python -m tests.functions --to onnx,tflite [NAME...]`."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from tests.functions.catalog import FUNCTIONS
from tests.layers.count import TARGETS, tally


def main() -> int:
    """Print what is not proven, and counts by family and target."""
    parser = argparse.ArgumentParser(prog="python -m tests.functions", description=__doc__)
    parser.add_argument("--to", default=TARGETS, help="targets, with commas between them")
    parser.add_argument("functions", nargs="*", help="functions or families; all without any")
    chosen = parser.parse_args()
    wanted = set(chosen.functions)
    selected = {
        family: [f for f in functions if not wanted or wanted & {family, f.name}]
        for family, functions in FUNCTIONS.items()
    }
    return 0 if tally(selected, chosen.to.split(","), partial(print, flush=True)) else 1


if __name__ == "__main__":
    sys.exit(main())
