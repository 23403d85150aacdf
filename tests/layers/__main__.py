"""How many layers and options are verified on each target: `python -m tests.layers --to onnx,tflite [LAYER...]`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.layers.catalog import CATALOG, FAMILIES
from tests.layers.count import Outcome, outcomes
from tests.layers.item import items

TARGETS = "onnx,tflite,coreml,tfjs,savedmodel"


def main() -> int:
    """Print a line for each item that is not proven, and a table of counts by family and target."""
    parser = argparse.ArgumentParser(prog="python -m tests.layers", description=__doc__)
    parser.add_argument("--to", default=TARGETS, help="targets, with commas between them")
    parser.add_argument("layers", nargs="*", help="layer classes or families; all without any")
    chosen = parser.parse_args()
    targets = chosen.to.split(",")
    wanted = {layer for name in chosen.layers for layer in FAMILIES.get(name, (name,))} or set(CATALOG)
    tried: Counter[tuple[str, str]] = Counter()
    proven: Counter[tuple[str, str]] = Counter()
    for family, catalog in FAMILIES.items():
        selected = items({layer: entries for layer, entries in catalog.items() if layer in wanted})
        for outcome in outcomes(selected, targets):
            tried[family, outcome.target] += 1
            proven[family, outcome.target] += outcome.proven
            if not outcome.proven:
                print(_line(outcome), flush=True)
    print(f"{'':16}" + "".join(f"{t:>14}" for t in targets))
    for family in [f for f in FAMILIES if tried[f, targets[0]]]:
        print(f"{family:16}" + "".join(f"{_share(proven[family, t], tried[family, t]):>14}" for t in targets))
    sums = [(sum(n for (_, at), n in c.items() if at == t)) for t in targets for c in (proven, tried)]
    print(f"{'all':16}" + "".join(f"{_share(*sums[i : i + 2]):>14}" for i in range(0, len(sums), 2)))
    return 0 if proven == tried else 1


def _line(outcome: Outcome) -> str:
    return f"{outcome.target:11} {outcome.status:11} {outcome.item.name}: {outcome.reason[:160]}"


def _share(part: int, whole: int) -> str:
    return f"{part} / {whole}"


if __name__ == "__main__":
    sys.exit(main())
