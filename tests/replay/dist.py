"""A folder as `export` writes it, from a graph and without Keras: NumPy stands for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from kexport.evidence.reference_file import SUFFIX, save_reference
from kexport.ir.evaluator import evaluate
from kexport.ir.op import Array
from kexport.lowered import contract_of, lower_for
from kexport.target import find_target
from kexport.verify.record import plan_batches, record
from kexport.workflows.manifest import ArtifactEntry, FileEntry, ModelEntry, file_entries, write_manifest
from tests.tfjs.nets import image_net

NAME = "net"


def write_dist(folder: Path, targets: Sequence[str], size: int = 8, batch: int | None = None) -> Path:
    """The artifacts of a small convolutional net, for any batch or one of that size, with manifest and reference."""
    graph = image_net(size) if batch is None else image_net(size).bind({"batch": batch})
    contract = contract_of(graph)
    folder.mkdir(parents=True)
    entry = ModelEntry(NAME, "0" * 64, "0", contract)
    for name in targets:
        target = find_target(name)
        options = target.options()
        path = lower_for(target, options, graph, contract).write(folder / f"{NAME}{target.suffix}")
        files = file_entries(folder, [path])
        entry.artifacts[name] = ArtifactEntry(name, path.name, files, "valid", dataclasses.asdict(options))

    def run(arrays: list[Array]) -> list[Array]:
        inputs = dict(zip((p.name for p in contract.inputs), arrays, strict=True))
        return list(evaluate(graph, inputs).values())

    batches, _ = plan_batches(contract, graph)
    reference = folder / f"{NAME}{SUFFIX}"
    save_reference(record(contract, graph, batches, run), reference)
    entry.reference = FileEntry.of(reference, folder)
    write_manifest(folder, {NAME: entry}, folder)
    return folder
