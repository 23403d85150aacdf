"""Gathers the facts of each model in a folder: manifest, measurements, errors by layer, graph, reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kexport.errors import ConfigError, KexportError
from kexport.evidence.reference_file import Environment, load_reference
from kexport.ir.graph import Graph
from kexport.locate.divergence import Location
from kexport.names import suggest
from kexport.verify.status import Verdict
from kexport.workflows.bench_file import BENCH, BenchReport
from kexport.workflows.graph_text_file import read_graph
from kexport.workflows.intact import artifact_damage
from kexport.workflows.layers_file import LAYERS, LayersEntry
from kexport.workflows.manifest import ArtifactEntry, ModelEntry, damage, read_manifest
from kexport.workflows.runs_file import RUNS, RunsEntry


@dataclass(frozen=True)
class Facts:
    """One model. A field is None if its file was not made or is damaged; `problems` says which."""

    model: ModelEntry
    damaged: Mapping[str, str] = field(default_factory=dict[str, str])
    """The problems of an artifact's files, by target."""
    bench: BenchReport | None = None
    layers: LayersEntry | None = None
    graph: Graph | None = None
    environment: Environment | None = None
    batches: tuple[str, ...] = ()
    """The recorded batches, in words."""
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    """The largest recorded size of every dynamic dim."""
    problems: tuple[str, ...] = ()
    runs: RunsEntry | None = None

    @property
    def artifacts(self) -> tuple[ArtifactEntry, ...]:
        """In the order of their names."""
        return tuple(self.model.artifacts[name] for name in sorted(self.model.artifacts))

    def verdicts(self, artifact: ArtifactEntry) -> tuple[Verdict, ...]:
        """Return what was shown about an artifact with the listed bytes, with the times of its runs."""
        digest = artifact.digest
        return tuple(self.runs.timed(v, digest) if self.runs else v for v in artifact.known())

    def locations(self) -> tuple[Location, ...]:
        """Return the errors by layer of the artifacts with their current bytes, if there are any."""
        if self.layers is None:
            return ()
        current = {a.target for a in self.artifacts if self.layers.sha256.get(a.target) == a.digest}
        return tuple(x for x in self.layers.locations if x.layers and x.target in current)


def read_facts(folder: Path, name: str | None = None) -> list[Facts]:
    """Return the models of a folder by name, or the requested one.

    Raises:
        ConfigError: no model of this name, or none at all.
        VerifyError: the manifest, the measurements, the errors by layer or the times of runs are damaged.
    """
    models = read_manifest(folder)
    if not models or (name is not None and name not in models):
        hint = suggest(name, sorted(models), "models")
        what = f"there is no model {name!r} here" if name else "there is no model here"
        raise ConfigError(what, where=str(folder), hint=hint)
    benches = BENCH.read(folder)
    layers = LAYERS.read(folder)
    runs = RUNS.read(folder)
    chosen = [n for n in sorted(models) if name in (None, n)]
    return [_facts(folder, models[n], benches.get(n), layers.get(n), runs.get(n)) for n in chosen]


def _facts(
    folder: Path, model: ModelEntry, bench: BenchReport | None, layers: LayersEntry | None, runs: RunsEntry | None
) -> Facts:
    damaged = {a.target: problem for a in model.artifacts.values() if (problem := artifact_damage(folder, a))}
    problems: list[str] = []
    graph = _graph(folder, model, problems)
    environment, batches, sizes = _reference(folder, model, problems)
    return Facts(model, damaged, bench, layers, graph, environment, batches, sizes, tuple(problems), runs)


def _graph(folder: Path, model: ModelEntry, problems: list[str]) -> Graph | None:
    if model.graph is None:
        problems.append("The graph is not here: an older kexport made this folder.")
        return None
    if problem := damage(folder, [model.graph]):
        problems.append(f"The graph is damaged: {problem}.")
        return None
    try:
        return read_graph(folder / model.graph.path)
    except KexportError as e:
        problems.append(f"The graph cannot be read: {e.what}.")
        return None


def _reference(
    folder: Path, model: ModelEntry, problems: list[str]
) -> tuple[Environment | None, tuple[str, ...], dict[str, int]]:
    if model.reference is None:
        problems.append("Nothing was recorded of Keras: the model was exported with --no-verify.")
        return None, (), {}
    if problem := damage(folder, [model.reference]):
        problems.append(f"The reference is damaged: {problem}.")
        return None, (), {}
    try:
        reference = load_reference(folder / model.reference.path)
    except KexportError as e:
        problems.append(f"The reference cannot be read: {e.what}.")
        return None, (), {}
    sizes: dict[str, int] = {}
    texts: list[str] = []
    for batch in (r.batch for r in reference.recordings):
        for symbol, size in batch.sizes.items():
            sizes[symbol] = max(size, sizes.get(symbol, 0))
        shape = ", ".join(f"{symbol} {size}" for symbol, size in batch.sizes.items())
        texts.append(f"{batch.name} ({shape})" if shape else batch.name)
    return reference.environment, tuple(texts), sizes
