"""Prove that artifacts stay as they are: `python -m tests.identical record FOLDER`, then `compare FOLDER`.

`record` captures many models, keeps their graphs in the folder and the hashes of all artifacts made of them. `compare`
makes the artifacts of the kept graphs again, without TensorFlow, prints what differs and exits with 1 if anything does.
With `--capture` it captures the models again too, and compares their graphs as text.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from kexport.errors import ConfigError
from kexport.evidence.graph_archive import load_graph, save_graph
from kexport.ir.contract import Contract
from kexport.ir.text import to_text
from tests.identical.emission import VARIANTS, Kept, emit_all

INDEX = "index.json"
SHOW = partial(print, flush=True)


def record(folder: Path) -> int:
    """Capture, keep and emit; whatever cannot be kept is said."""
    from tests.identical.zoo import capture_zoo

    folder.mkdir(parents=True, exist_ok=True)
    index: dict[str, Any] = {}
    for found in capture_zoo():
        if isinstance(found, str):
            SHOW(f"not captured: {found}")
            continue
        file = f"{len(index):03}.graph.safetensors"
        try:
            save_graph(found.graph, folder / file)
        except ConfigError as e:
            SHOW(f"not kept: {found.name}: {e}")
            continue
        kept = {"file": file, "contract": found.contract.to_json()}
        index[found.name] = kept | {"graph": to_text(found.graph), "artifacts": emit_all(found)}
    (folder / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    SHOW(f"{len(index)} models in {len(VARIANTS)} variants")
    return 0


def compare(folder: Path, again: bool, words: str) -> int:
    """Emit what is kept and print differences; 1 if there are any."""
    index: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    chosen = {name: kept for name, kept in index.items() if words in name}
    wrong = 0
    for name, kept in chosen.items():
        graph = load_graph(folder / kept["file"])
        found = emit_all(Kept(name, graph, Contract.from_json(kept["contract"])))
        for line in differences(kept["artifacts"], found):
            SHOW(f"{name}: {line}")
            wrong += 1
    if again:
        for name in _recaptured(chosen):
            SHOW(f"{name}: the captured graph differs")
            wrong += 1
    SHOW(f"{len(chosen)} models in {len(VARIANTS)} variants: {wrong or 'no'} differences")
    return 1 if wrong or not chosen else 0


def differences(old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """A line for each file that differs, came or went."""
    for variant in old:
        before = old[variant]
        after = new.get(variant, {})
        for file in sorted(before.keys() | after.keys()):
            if before.get(file) != after.get(file):
                what = "is gone" if file not in after else "is new" if file not in before else "differs"
                yield f"{variant}: {file} {what}"


def _recaptured(index: Mapping[str, Any]) -> Iterator[str]:
    """The names of the models whose captured graph is another now, or whose capture fails."""
    from tests.identical.zoo import capture_zoo

    found = {kept.name: kept for kept in capture_zoo() if isinstance(kept, Kept)}
    for name, kept in index.items():
        now = found.get(name)
        if now is None or to_text(now.graph) != kept["graph"] or now.contract.to_json() != kept["contract"]:
            yield name


def main() -> int:
    """Record or compare."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.identical", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("record", "compare"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--capture", action="store_true", help="compare: capture again, and compare the graphs too")
    parser.add_argument("--only", default="", help="compare: only models with this in their name")
    chosen = parser.parse_args()
    start = time.perf_counter()
    code = record(chosen.folder) if chosen.action == "record" else compare(chosen.folder, chosen.capture, chosen.only)
    SHOW(f"{time.perf_counter() - start:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
