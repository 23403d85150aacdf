"""What was found beside each pair, as lines and a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.versions.pairs import Pair
from tests.versions.run import FAIR, GOOD, Found

COLUMNS = ("onnx", "tflite", "coreml", "savedmodel", "tfjs", "file", "graph")
LACKS = "needs what Keras does not have"
TITLES = {"file": "newer files", "graph": "layers"}


def wrong_of(found: Sequence[Found]) -> list[Found]:
    """What is neither right, nor refused, nor beyond this Keras; `valid` is right where nothing can run it."""
    fine = (*GOOD, *FAIR, "valid")
    return [f for f in found if f.target != "versions" and f.outcome not in fine]


def show(pair: Pair, found: Sequence[Found]) -> int:
    """Print a line for each that is not proven, but for layers and files that this Keras lacks; how many are wrong."""
    wrong = wrong_of(found)
    for f in found:
        quiet = f.outcome in (*GOOD, "valid") or f.target == "versions"
        lacks = f.target in ("graph", "file") and (f.outcome != "refused" or LACKS in f.detail)
        if not quiet and not (lacks and f.outcome in FAIR):
            print(f"{pair.name:10} {f.target:11} {f.outcome:10} {f.model}: {f.detail[:200]}", flush=True)
    return len(wrong)


def head() -> str:
    """The titles of the columns."""
    return f"{'Keras':8} {'TensorFlow':11} {'Python':8}{''.join(f'{TITLES.get(c, c):>13}' for c in COLUMNS)}  others"


def row(found: Sequence[Found]) -> str:
    """How many are proven of those that the Keras of a pair has, and what the others are."""
    versions = next((f.outcome for f in found if f.target == "versions"), "? ? ?")
    keras, tensorflow, python = versions.split()
    others = Counter(f.outcome for f in found if f.target == "all")
    cells = [_cell([f for f in found if f.target == column]) for column in COLUMNS]
    return f"{keras:8} {tensorflow:11} {python:8}{''.join(f'{c:>13}' for c in cells)}  {_counts(others)}"


def _cell(found: Sequence[Found]) -> str:
    """Such as `41 / 42`: proven of those that are there and can be run."""
    there = [f for f in found if f.outcome not in ("absent", "Keras fails", "valid") and LACKS not in f.detail]
    valid = sum(f.outcome == "valid" for f in found)
    if not there:
        return f"{valid} valid" if valid else "-"
    return f"{sum(f.outcome in GOOD for f in there)} / {len(there)}"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{n} {word}" for word, n in sorted(counts.items())) or "none"
