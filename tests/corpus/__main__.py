"""`python -m tests.corpus FOLDER [--to onnx,tflite] [--timeout 300] [--log FILE]`.

Every Keras file and SavedModel below FOLDER is exported in a process of its own. A line each is printed, and a table of
causes in the end. With a log the run goes on where it was cut.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tests.corpus.attempt import Outcome, attempt
from tests.corpus.find import find_models
from tests.corpus.table import line, table


def main() -> int:
    """Exit code 0 if no artifact failed and nothing ended in a bug."""
    options = _options()
    done = {o.model: o for o in _logged(options.log)}
    outcomes: list[Outcome] = []
    for model in find_models(options.folder):
        shown = str(model.relative_to(options.folder))
        outcome = done.get(shown) or attempt(model, shown, options.to.split(",") if options.to else (), options.timeout)
        outcomes.append(outcome)
        print(line(outcome), flush=True)
        if options.log and shown not in done:
            with options.log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(outcome.to_json()) + "\n")
    print(*table(outcomes), sep="\n")
    return int(any(o.code == 70 or "failed" in o.statuses.values() for o in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--to", default="", metavar="TARGET,...", help="default: all usable ones")
    parser.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS", help="passed to kexport export")
    parser.add_argument("--log", type=Path, metavar="FILE", help="outcomes as JSON lines; a run goes on from there")
    return parser.parse_args()


def _logged(log: Path | None) -> list[Outcome]:
    if log is None or not log.exists():
        return []
    return [Outcome(**json.loads(text)) for text in log.read_text(encoding="utf-8").splitlines() if text.strip()]


if __name__ == "__main__":
    raise SystemExit(main())
