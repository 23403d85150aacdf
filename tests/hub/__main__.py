"""How many backbones of keras-hub are verified on each target: `python -m tests.hub --to onnx,tflite [BACKBONE...]`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.hub.catalog import BACKBONES
from tests.hub.count import PROVEN, outcomes

TARGETS = "onnx,tflite,coreml,tfjs,savedmodel"


def main() -> int:
    """Print a line for each backbone and target that is not proven, and the counts by target."""
    parser = argparse.ArgumentParser(prog="python -m tests.hub", description=__doc__)
    parser.add_argument("--to", default=TARGETS, help="targets, with commas between them")
    parser.add_argument("backbones", nargs="*", help="classes; all without any")
    chosen = parser.parse_args()
    import keras_hub

    targets = chosen.to.split(",")
    wanted = [b for b in BACKBONES if not chosen.backbones or b.name in chosen.backbones]
    proven: Counter[str] = Counter()
    for backbone in wanted:
        for target, (status, reason) in outcomes(backbone, keras_hub, targets).items():
            proven[target] += status in PROVEN
            if status not in PROVEN:
                print(f"{target:11} {status:11} {backbone.name}: {reason[:200]}", flush=True)
    for target in targets:
        print(f"{target:11} {proven[target]} / {len(wanted)}")
    return 0 if all(proven[t] == len(wanted) for t in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
