"""Keras layers in small models, exported and recorded here, and packed to be verified in another environment."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from kexport.errors import UnsupportedError
from kexport.replay.pack import bundle
from tests.layers.catalog import FAMILIES
from tests.layers.item import Item, items

TOGETHER = 8
"""How many kinds of inputs are in one model."""


def samples() -> Iterator[tuple[str, list[list[Item]]]]:
    """Names, and what is in one model: every layer with its base options, those of equal inputs together."""
    for family, catalog in FAMILIES.items():
        found = [item for item in items(catalog) if not item.changed and not item.open]
        groups = [list(group) for _, group in groupby(found, key=lambda i: i.group)]
        for i in range(0, len(groups), TOGETHER):
            yield f"{family}_{i // TOGETHER}", groups[i : i + TOGETHER]


def export_models(folder: Path) -> dict[str, str]:
    """Export every sample to a folder of its own; the release that each says it needs, by name."""
    return {k: v for name, groups in samples() for k, v in _exported(folder, name, groups).items()}


def _exported(folder: Path, name: str, groups: Sequence[Sequence[Item]]) -> dict[str, str]:
    """All groups in one model; apart where some are what ONNX cannot say, and those left out."""
    import kexport
    from tests.layers.count import together

    example = [array for group in groups for array in group[0].batch(2)]
    try:
        report = kexport.export(together(groups), ["onnx"], folder / name, name=name, trust=True, example=example)
    except UnsupportedError:
        parts = enumerate(groups) if len(groups) > 1 else ()
        return {k: v for i, group in parts for k, v in _exported(folder, f"{name}_{i}", [group]).items()}
    bundle(folder / name, folder / f"{name}.zip")
    (artifact,) = report.artifacts
    if artifact.status != "verified":
        raise RuntimeError(f"{name} is {artifact.status} here: {artifact.reason}")
    return {name: artifact.facts["onnxruntime"]}


def verify_models(python: Path, folder: Path, needs: dict[str, str], version: str) -> dict[str, Any]:
    """What the bundles say in the other environment, in the form of the runner of cases."""
    found = []
    for name in needs:
        command = [str(python), str(folder / f"{name}.zip"), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        found.append({"name": name, "wrong": _wrong(done)})
    return {"version": version, "found": found}


def _wrong(done: subprocess.CompletedProcess[str]) -> str:
    report = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    if "artifacts" not in report:
        return f"error: {done.stdout}{done.stderr.strip()}"[-600:]
    (artifact,) = report["artifacts"]
    if artifact["status"] == "verified":
        return ""
    refused = "refuses the model" in artifact["reason"]
    return f"{'refused' if refused else artifact['status']}: {artifact['reason'][:300]}"
