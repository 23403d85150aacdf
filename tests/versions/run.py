"""Export models beside the Keras that is here: `python -m tests.versions.run RESULTS [--small] [--layers] [--files F]`.

Each line of RESULTS is a JSON document of one `Found`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kexport.errors import KexportError

GOOD = ("verified", "simulated", "same", "agrees")
FAIR = ("refused", "absent", "Keras fails", "meant otherwise")
"""What is said before an artifact is written, and what Keras itself lacks or cannot do."""


class Found(NamedTuple):
    """What became of a model on a target, of a layer's graph (`graph`), or of a file of the newest Keras (`file`)."""

    model: str
    target: str
    outcome: str
    detail: str = ""


def main() -> int:
    """Write what was found, as it is found."""
    parser = argparse.ArgumentParser(prog="python -m tests.versions.run", description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--layers", action="store_true")
    parser.add_argument("--files", type=Path)
    chosen = parser.parse_args()
    from kexport.capture.sources.frameworks import import_keras

    keras = import_keras()
    with chosen.results.open("w", encoding="utf-8") as file:
        for found in _all(chosen, keras):
            print(json.dumps(found._asdict()), file=file, flush=True)
    return 0


def _all(chosen: Any, keras: Any) -> Iterator[Found]:
    import tensorflow as tf

    yield Found("", "versions", f"{keras.__version__} {tf.__version__} {sys.version.split()[0]}")
    yield from exported(chosen.small)
    if chosen.files:
        from tests.versions.exchange import read

        for name, outcome in read(chosen.files):
            word, _, detail = outcome.partition(": ")
            yield Found(name, "file", "differs" if word.startswith("differs") else word, detail or outcome)
    if chosen.layers:
        yield from captured(keras)


def exported(small: bool) -> Iterator[Found]:
    """Every model on every target that is installed."""
    from tests.versions.models import ALL, SMALL

    for name, make in (SMALL if small else ALL).items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                sample = make(Path(folder))
            except Exception as e:  # noqa: BLE001 -- this Keras has no such layer, or cannot build the model
                yield Found(name, "all", "absent", _words(e))
                continue
            yield from _export(name, sample, Path(folder) / "out")


def _export(name: str, sample: Any, out: Path) -> Iterator[Found]:
    import kexport

    try:
        report = kexport.export(sample.source, list(sample.to) or None, out, name="m", trust=True, **sample.options)
    except KexportError as e:
        yield Found(name, "all", "refused", _words(e))
    except Exception as e:  # noqa: BLE001 -- a bug, to be told beside the others
        yield Found(name, "all", "error", _words(e) + " " + traceback.format_exc()[-600:])
    else:
        yield from (Found(name, a.target, a.status, a.reason) for a in report.artifacts)


def captured(keras: Any) -> Iterator[Found]:
    """Every layer of the catalog with every option: whether its graph computes what it does."""
    from tests.layers.catalog import CATALOG
    from tests.layers.item import items

    for item in items(CATALOG):
        try:
            model = item.model(keras)
            batches = [item.batch(3), item.batch(1, seed=1)]
        except Exception as e:  # noqa: BLE001 -- see above
            yield Found(item.name, "graph", "absent", _words(e))
            continue
        yield Found(item.name, "graph", *_captured(model, batches, item.entry.tolerance))


def _captured(model: Any, batches: list[Any], tolerance: float) -> tuple[str, str]:
    from kexport.capture.capturing import capture
    from kexport.capture.sources.live import live_source
    from tests.capture.agree import compare

    try:
        answers = [live_source(model).run(b) for b in batches]
    except Exception as e:  # noqa: BLE001 -- Keras cannot run its own layer
        return "Keras fails", _words(e)
    try:
        found = capture(model)
        for batch, wanted in zip(batches, answers, strict=True):
            compare(found, batch, wanted, tolerance, wide=False)
    except KexportError as e:
        return "refused", _words(e)
    except AssertionError as e:
        return "differs", str(e)
    return "agrees", ""


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:300]


if __name__ == "__main__":
    sys.exit(main())
