"""A recipe: rules that give each layer its scheme, in order; what inputs and outputs are; how ranges are found."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from kexport.errors import ConfigError
from kexport.evidence.plain import canonical_json, plain
from kexport.ir.graph import Graph, Node
from kexport.ir.op import OPS
from kexport.names import suggest
from kexport.quantize.recipes.scheme import KEPT, SCHEMES, Scheme, find_scheme
from kexport.quantize.statistics.names import layer_names
from kexport.quantize.statistics.rules import Rule
from kexport.target import all_nodes

IO = ("float32", "int8", "uint8", "int16")
"""What an input or output may be outside of a quantized artifact; float32 is whatever the model has."""
EVERY = "*"
RANGES = "minmax"
WEIGHTS = "mse"


@dataclass(frozen=True)
class LayerRule:
    """Which nodes get a scheme: those whose layer path and op fit the patterns, where * stands for any text.

    A pattern fits a layer and all that is in it: `encoder` is what `encoder/block_3/attention` is in.
    """

    layer: str
    op: str
    scheme: str

    def fits(self, origin: str, op: str) -> bool:
        """Whether it is about a node of this layer and op."""
        inside = fnmatchcase(origin, self.layer) or fnmatchcase(origin, f"{self.layer}/*")
        return inside and fnmatchcase(op, self.op)


@dataclass(frozen=True)
class Recipe:
    """What becomes of each layer. Of several rules that fit a node, the last one counts."""

    name: str
    rules: tuple[LayerRule, ...]
    io: tuple[tuple[str, str], ...] = ()
    """Types of inputs and outputs by name, `*` for all others; one that is not named stays as it is."""
    ranges: str = RANGES
    """The rule for ranges of activations; see `statistics.rules`."""
    weights: str = WEIGHTS
    """The rule for scales of weights."""

    def __post_init__(self) -> None:
        for rule in self.rules:
            find_scheme(rule.scheme, _where(self.name, rule))
        for name, type in self.io:
            if type not in IO:
                hint = suggest(type, IO, "types")
                raise ConfigError(f"{name!r} cannot be {type!r} outside", where=self.name, hint=hint)
        Rule.parse(self.ranges)
        Rule.parse(self.weights)

    def scheme_of(self, node: Node) -> Scheme:
        """The scheme of a node; float32 if no rule fits it."""
        found = [r.scheme for r in self.rules if r.fits(node.origin, node.op.name)]
        return SCHEMES[found[-1]] if found else KEPT

    def io_of(self, name: str) -> str:
        """What an input or output of that name is outside: one of `IO`."""
        types = dict(self.io)
        return types.get(name, types.get(EVERY, IO[0]))

    @property
    def needs_data(self) -> bool:
        """Whether a scheme of a rule needs observed ranges."""
        return any(SCHEMES[r.scheme].needs_data for r in self.rules)

    @property
    def digest(self) -> str:
        """A hash of what it decides; its name is no part of that."""
        return hashlib.sha256(canonical_json(self.to_json() | {"name": ""}).encode()).hexdigest()

    def check(self, graph: Graph) -> None:
        """Require that every rule and every name means something in a graph.

        Raises:
            ConfigError: a layer, an op, an input or an output that is not there.
        """
        layers = layer_names(graph)
        ops = {n.op.name for n in all_nodes(graph)}
        for rule in self.rules:
            where = _where(self.name, rule)
            if rule.op != EVERY and not any(fnmatchcase(op, rule.op) for op in (*ops, *OPS)):
                raise ConfigError(f"there is no op {rule.op!r}", where=where, hint=suggest(rule.op, sorted(ops), "ops"))
            if rule.layer != EVERY and not any(rule.fits(layer, rule.op) for layer in layers):
                hint = suggest(rule.layer, _with_parents(layers), "layers")
                raise ConfigError(f"there is no layer {rule.layer!r}", where=where, hint=hint)
        ends = [*(v.name for v in graph.inputs), *(o.name for o in graph.outputs)]
        for name, _ in self.io:
            if name != EVERY and name not in ends:
                hint = suggest(name, ends, "inputs and outputs")
                raise ConfigError(f"there is no input or output {name!r}", where=self.name, hint=hint)

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return plain(self) | {"io": dict(self.io)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Recipe:
        """The inverse of `to_json`."""
        rules = tuple(LayerRule(r["layer"], r["op"], r["scheme"]) for r in data["rules"])
        return Recipe(data["name"], rules, tuple(sorted(data["io"].items())), data["ranges"], data["weights"])


def _where(name: str, rule: LayerRule) -> str:
    return f"{name}, rule for layer {rule.layer!r} and op {rule.op!r}"


def _with_parents(layers: list[str]) -> list[str]:
    """The layers and what they are in."""
    found: dict[str, None] = {}
    for layer in layers:
        steps = layer.split("/")
        found |= dict.fromkeys("/".join(steps[:n]) for n in range(1, len(steps) + 1))
    return list(found)
