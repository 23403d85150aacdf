"""Which sizes the dynamic dims of an artifact may have: fixed, a range, or a few."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kexport.errors import ConfigError
from kexport.ir.dim import Dim, SymDim, substitute, symbols
from kexport.ir.graph import Graph
from kexport.names import suggest
from kexport.target import Span, all_nodes

_LARGEST_LEAST = 1 << 12


@dataclass(frozen=True)
class SizePlan:
    """What the option `sizes` says: by symbol, and the limit for others."""

    given: Mapping[str, Span]
    limit: int

    def fixed(self) -> dict[str, Dim]:
        """The symbols that have one size only."""
        return {name: s.fixed for name, s in self.given.items() if s.fixed is not None}

    def spans(self, known: Iterable[str]) -> dict[str, Span]:
        """The sizes of each of these symbols."""
        return {name: self.given.get(name, Span(1, self.limit)) for name in known}

    def check(self, known: Iterable[str]) -> None:
        """Raise ConfigError for a symbol that the model does not have."""
        known = sorted(known)
        for name in self.given:
            if name not in known:
                hint = suggest(name, known, "dynamic dimensions")
                raise ConfigError(f"the inputs have no dynamic dimension {name!r}", where="coreml.sizes", hint=hint)


def read_sizes(text: str, limit: int) -> SizePlan:
    """Read `batch=1,length=1..512` or `length=64|128`.

    Raises:
        ConfigError: not of that form.
    """
    if limit < 1:
        raise ConfigError(f"the limit of sizes must be at least 1, got {limit}", where="coreml.limit")
    given: dict[str, Span] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, value = part.partition("=")
        try:
            given[name.strip()] = _read(value)
        except ValueError:
            hint = "write -O coreml.sizes=batch=1, length=1..512 or length=64|128, with sizes above 0"
            raise ConfigError(f"{part!r} gives no sizes", where="coreml.sizes", hint=hint) from None
    return SizePlan(given, limit)


def _read(text: str) -> Span:
    few = tuple(sorted({int(n) for n in text.split("|")})) if ".." not in text else ()
    low, high = (few[0], few[-1]) if few else (int(n) for n in text.split(".."))
    if not 1 <= low <= high:
        raise ValueError(text)
    return Span(low, high, few if len(few) > 1 else ())


def plan_sizes(graph: Graph, plan: SizePlan) -> dict[str, Span]:
    """The sizes of every symbol of the inputs; open ones begin where all sizes inside the graph are at least 1."""
    names = sorted({s for v in graph.inputs for d in v.type.shape for s in symbols(d)})
    inner = {d for n in all_nodes(graph) for v in n.outputs for d in v.type.shape if isinstance(d, SymDim)}
    found = dict(plan.given)
    least = _least({n: found[n].low if n in found else 1 for n in names}, [n for n in names if n not in found], inner)
    for name in names:
        if name not in found:
            found[name] = Span(least[name], max(plan.limit, least[name]))
    return {name: found[name] for name in names}


def _least(sizes: dict[str, int], open_names: list[str], dims: set[SymDim]) -> dict[str, int]:
    """The least sizes of the open symbols: all are doubled until everything fits, then each is lowered again."""
    ones = dict(sizes)
    while not _fits(sizes, dims) and max(sizes.values(), default=0) < _LARGEST_LEAST:
        sizes = {n: s * 2 if n in open_names else s for n, s in sizes.items()}
    if not _fits(sizes, dims):
        return ones
    for name in open_names:
        low = 0
        high = sizes[name]
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _fits({**sizes, name: middle}, dims) else (middle, high)
        sizes = {**sizes, name: high}
    return sizes


def _fits(sizes: Mapping[str, int], dims: set[SymDim]) -> bool:
    bound = [substitute(d, dict(sizes)) for d in dims]
    return all(isinstance(d, SymDim) or d >= 1 for d in bound)
