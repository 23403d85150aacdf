"""How many layers and options are verified on each target: `python -m tests.layers --to onnx,tflite [LAYER...]`."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from tests.layers.catalog import CATALOG, FAMILIES
from tests.layers.count import TARGETS, tally
from tests.layers.item import items


def main() -> int:
    """Print what is not proven, and counts by family and target."""
    parser = argparse.ArgumentParser(prog="python -m tests.layers", description=__doc__)
    parser.add_argument("--to", default=TARGETS, help="targets, with commas between them")
    parser.add_argument("layers", nargs="*", help="layer classes or families; all without any")
    chosen = parser.parse_args()
    wanted = {layer for name in chosen.layers for layer in FAMILIES.get(name, (name,))} or set(CATALOG)
    selected = {
        family: items({layer: entries for layer, entries in catalog.items() if layer in wanted})
        for family, catalog in FAMILIES.items()
    }
    return 0 if tally(selected, chosen.to.split(","), partial(print, flush=True)) else 1


if __name__ == "__main__":
    sys.exit(main())
