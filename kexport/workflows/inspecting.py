"""Summarizes a model by layer, or reads back the contract of an artifact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kexport.deadline import deadline
from kexport.errors import ConfigError
from kexport.ir.contract import Contract
from kexport.ir.graph import Graph
from kexport.ir.text import to_text
from kexport.reading import facts_of, read_back
from kexport.target import Target, pip_install, targets
from kexport.workflows.choice import place_of
from kexport.workflows.files import files_of


@dataclass
class LayerSummary:
    """The nodes of one layer call: op names in order, parameters, their bytes, the last result's type."""

    path: str
    ops: list[str]
    parameters: int
    bytes: int
    output: str


@dataclass(frozen=True)
class ModelSummary:
    """A captured model by layer, before or after optimization; `text` is the whole graph."""

    name: str
    contract: Contract
    layers: tuple[LayerSummary, ...]
    text: str

    @property
    def parameters(self) -> int:
        """The number of weights in the graph, each counted once."""
        return sum(layer.parameters for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """A JSON object, without the graph text."""
        return {
            "name": self.name,
            "contract": self.contract.to_json(),
            "parameters": self.parameters,
            "layers": [asdict(layer) for layer in self.layers],
        }


@dataclass(frozen=True)
class ArtifactSummary:
    """An artifact read back: its target, its size in bytes, its contract and what it states about itself."""

    target: str
    path: str
    size: int
    contract: Contract
    facts: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self) | {"contract": self.contract.to_json()}


def inspect_model(
    source: Any,
    *,
    dims: Mapping[str, int | str] | None = None,
    trust: bool = False,
    custom: tuple[str, ...] = (),
    signature: str | None = None,
    example: Any = None,
    replace: Mapping[str, str] | None = None,
    architecture: str | None = None,
    optimize: bool = False,
    timeout: float | None = None,
) -> ModelSummary:
    """Capture a model, read as `export` reads it, and summarize its graph by layer; `timeout` is in seconds.

    Raises:
        KexportError: the model cannot be captured.
    """
    from kexport.capture.capturing import capture
    from kexport.passes.pipeline import OPTIMIZE, run_passes

    how = {"example": example, "replace": replace, "architecture": architecture}
    with deadline(timeout, "reading the model", where=place_of(source)):
        captured = capture(source, dims=dims, trust=trust, custom=custom, signature=signature, **how)
        if optimize:
            run_passes(captured.graph, OPTIMIZE)
    return ModelSummary(captured.graph.name, captured.contract, summarize(captured.graph), to_text(captured.graph))


def summarize(graph: Graph) -> tuple[LayerSummary, ...]:
    """Group the nodes of a graph by layer path, in order of first appearance."""
    layers: dict[str, LayerSummary] = {}
    counted = set()
    for node in graph.nodes:
        layer = layers.setdefault(node.origin, LayerSummary(node.origin, [], 0, 0, ""))
        layer.ops.append(node.op.name)
        layer.output = ", ".join(str(v.type) for v in node.outputs)
        for value in node.inputs:
            if value.data is not None and value not in counted:
                counted.add(value)
                layer.parameters += value.data.size
                layer.bytes += value.data.nbytes
    return tuple(layers.values())


def artifact_target(path: Path) -> Target | None:
    """Return the installed target whose suffix this path has, or None."""
    return next((t for t in targets().values() if path.name.endswith(t.suffix)), None)


def inspect_artifact(path: Path, timeout: float | None = None) -> ArtifactSummary:
    """Read an artifact's contract back from the file; `timeout` is in seconds.

    Raises:
        ConfigError: no installed target has this suffix, or the packages that read its artifacts are missing.
        KexportError: the file is damaged.
    """
    target = artifact_target(path)
    if target is None:
        known = ", ".join(t.suffix for t in targets().values())
        raise ConfigError("no installed target reads this", where=str(path), hint=f"artifacts end in {known}")
    if not path.exists():
        raise ConfigError("no such file or folder", where=str(path))
    size = sum(f.stat().st_size for f in files_of(path))
    try:
        with deadline(timeout, "reading the artifact", where=str(path)):
            contract = read_back(target, path)
            facts = facts_of(target, path)
    except ImportError as e:
        needed = ", ".join(target.missing()) or e.name
        what = f"to read a {target.title} artifact takes {needed}, which is not installed"
        raise ConfigError(what, where=str(path), hint=pip_install(target.extra)) from e
    return ArtifactSummary(target.name, str(path), size, contract, facts)
