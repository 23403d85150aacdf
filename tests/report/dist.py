"""Folders as `export`, `bench` and `verify --locate` leave them, made by hand: any name, any verdict, no Keras."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kexport.engines.bench import Timing
from kexport.evidence.batches import Batch
from kexport.evidence.reference_file import Environment, Recording, Reference, save_reference
from kexport.ir.contract import Contract, Port
from kexport.ir.graph import Graph
from kexport.ir.types import TensorType
from kexport.locate.divergence import LayerCheck, Location
from kexport.ops.activation import Relu
from kexport.ops.binary import Add
from kexport.ops.conv import Conv
from kexport.ops.matmul import Dense
from kexport.verify.compare import compare
from kexport.verify.judge import OutputCheck
from kexport.verify.status import Status, Verdict
from kexport.verify.tolerance import Tolerance
from kexport.workflows.bench_file import BENCH, BenchReport, BenchRow
from kexport.workflows.graph_text_file import write_graph
from kexport.workflows.layers_file import LayersEntry, keep_layers
from kexport.workflows.manifest import FILE, ArtifactEntry, FileEntry, ModelEntry, manifest_text, read_manifest
from kexport.workflows.runs_file import RUNS, RunsEntry, rows_of

HOSTILE = """</script><script>alert(1)</script><img src=x onerror=alert(1)> "'&--> {{ 7*7 }}"""
"""A name that breaks out of every place it is put into as it stands."""
WEIGHT = np.ones((3, 3, 2, 4), np.float32)


def net(name: str = "net", layer: str = "block/conv") -> Graph:
    """A convolution, an addition that skips it, and a dense layer."""
    graph = Graph(name)
    image = graph.input("image", TensorType.parse("f32[batch,8,8,2]"))
    conv = Conv((1, 1), "same", (1, 1))
    first = graph.add(conv, image, graph.constant(WEIGHT), origin=layer).output
    bent = graph.add(Relu(), first, origin="bend").output
    both = graph.add(Add(), bent, first, origin="merge").output
    last = graph.add(Dense(), both, graph.constant(np.ones((4, 5), np.float32)), origin="head").output
    graph.output("digit", last)
    return graph


def contract_of(graph: Graph) -> Contract:
    """Its inputs and outputs."""
    inputs = tuple(Port(v.name, v.type) for v in graph.inputs)
    return Contract(inputs, tuple(Port(o.name, o.value.type) for o in graph.outputs), 0, 0)


def verdict(target: str, status: Status, reason: str = "1 checks passed", error: float = 1e-7) -> Verdict:
    """What an engine said about one output of one batch."""
    expected = np.linspace(0, 1, 10, dtype=np.float32).reshape(2, 5)
    metrics = compare(expected, expected + np.float32(error))
    passed = status is not Status.FAILED
    check = OutputCheck(
        "digit", "random-0", passed, reason, metrics, Tolerance("digit", "random-0", 1e-6, 1e-6, 1e-7, 1.0)
    )
    seconds = {"load": 0.1, "first": 0.01, "best": 0.001}
    return Verdict(
        f"net.{target}",
        target,
        f"{target}-engine",
        "1.2",
        "Linux",
        "cpu",
        status,
        reason,
        (check,),
        (),
        seconds,
        5_000_000,
    )


def artifact(folder: Path, name: str, verdict: Verdict) -> ArtifactEntry:
    """A file with its entry, in quarantine if it failed."""
    place = folder / "quarantine" if verdict.status is Status.FAILED else folder
    place.mkdir(exist_ok=True)
    path = place / f"{name}.{verdict.target}"
    path.write_bytes(b"x" * 1234)
    relative = path.relative_to(folder).as_posix()
    files = [FileEntry.of(path, folder)]
    status = verdict.status.value
    return ArtifactEntry(verdict.target, relative, files, status, {"precision": "float32"}, [verdict.to_json()])


def add_model(
    folder: Path, name: str, verdicts: Sequence[Verdict], graph: Graph | None = None, reference: bool = True
) -> ModelEntry:
    """A model with one artifact a verdict, in the folder's manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    graph = graph or net(name)
    entry = ModelEntry(name, "f00d" * 16, "0.1.0", contract_of(graph))
    entry.artifacts = {v.target: artifact(folder, name, v) for v in verdicts}
    write_graph(graph, folder / f"{name}.kx")
    entry.graph = FileEntry.of(folder / f"{name}.kx", folder)
    if reference:
        path = folder / f"{name}.reference.safetensors"
        save_reference(recorded(entry.contract), path)
        entry.reference = FileEntry.of(path, folder)
    models = read_manifest(folder) | {name: entry}
    (folder / FILE).write_text(manifest_text(models), encoding="utf-8")
    rows = [row for v in verdicts for row in rows_of(v.target, entry.artifacts[v.target].digest, [v])]
    RUNS.write(folder, RUNS.read(folder) | {name: RunsEntry(name, tuple(rows))})
    return entry


def recorded(contract: Contract) -> Reference:
    """One batch of zeros on a GPU with a name."""
    bound = contract.bind({"batch": 2, "length": 2})
    arrays = [
        {p.name: np.zeros(p.type.shape, p.type.dtype.numpy) for p in ports}  # type: ignore[arg-type]
        for ports in (bound.inputs, bound.outputs)
    ]
    recording = Recording(Batch("random-0", "random", {"batch": 2}, arrays[0], 0), arrays[1], arrays[1], arrays[1])
    environment = Environment("jax", "gpu", "Abacus 9000", "555", {"jax": "0.10"}, {"tf32": "off"})
    return Reference(contract, (recording,), environment)


def check(layer: str, error: float | None, verdict: str = "ok", *computed: str) -> LayerCheck:
    """What a layer showed; its budget is a millionth."""
    budget = None if error is None else 1e-6
    return LayerCheck(layer, "op", verdict, error, budget, "random-0", computed=computed)


def add_layers(folder: Path, entry: ModelEntry, checks: dict[str, Sequence[LayerCheck]], **hashes: str) -> None:
    """What was seen inside artifacts, by target."""
    locations = [
        Location(target, a.path, f"{target}-engine", a.status, "", tuple(checks[target]))
        for target, a in entry.artifacts.items()
        if target in checks
    ]
    found = {target: hashes.get(target, entry.artifacts[target].digest) for target in checks}
    keep_layers(folder, LayersEntry(entry.name, ("random-0",), {}, tuple(locations), found))


def add_bench(
    folder: Path,
    entry: ModelEntry,
    medians: dict[str, float | None],
    layers: dict[str, float] | None = None,
    **hashes: str,
) -> None:
    """What was timed, by target; None for an engine that was not here."""
    rows: list[BenchRow] = []
    for target, median in medians.items():
        a = entry.artifacts[target]
        timing = Timing("missing", "it is not installed")
        if median is not None:
            timing = Timing("ok", "", 50, median, 2 * median, median, 3 * median, 0.5, 0.6, 9_000_000, layers or {})
        digest = hashes.get(target, a.digest)
        rows.append(BenchRow(target, a.path, digest, a.size, f"{target}-engine", "1.2", "cpu", 1, timing))
    host = {"system": "Linux", "processor": "Abacus", "cores": "2", "python": "3.11"}
    BENCH.write(folder, {entry.name: BenchReport(entry.name, host, {"batch": 1}, tuple(rows))})
