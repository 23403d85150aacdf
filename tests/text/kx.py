"""Cases written as text: a graph, a line `-----`, and the graph that passes make of it.

Cases of one file are parted by a line `=====`. Before a graph stand comments:

    ; passes: algebra, cse      the passes to run, or `optimize`; holds for the cases that follow in the file
    ; skips: a reason           a rule must leave the graph for this reason
    ; float64: why              in float64 it becomes another graph
    ; sizes n: 2, 6             the sizes of a symbol to compute at (else 2, 3, … and 5, 7, …)
    ; range %ids: 0..9          the values of an input (else normal numbers, or integers from 0 to 9)

`unchanged` stands for the graph as it was.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kexport.ir.dim import substitute
from kexport.ir.graph import Graph, Value
from kexport.ir.op import Array
from kexport.ir.parser import parse_graph
from kexport.ir.types import DType
from kexport.passes.pipeline import OPTIMIZE

FOLDER = Path(__file__).parent
_NEXT = "====="
_BECOMES = "-----"
_SAME = "unchanged"
_NOTE = re.compile(r"^; (passes|skips|float64|sizes \w+|range %\S+): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """One graph and what it becomes."""

    path: Path
    number: int
    before: str
    after: str
    passes: tuple[str, ...]
    notes: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def id(self) -> str:
        """The file and the name of the graph."""
        name = re.search(r'graph "([^"]*)"', self.before)
        return f"{self.path.relative_to(FOLDER).with_suffix('')}:{name[1] if name else self.number}"

    def graph(self, dtype: str = "f32") -> Graph:
        """The graph before, with another type in the place of f32."""
        return parse_graph(re.sub(r"\bf32\b", dtype, self.before))

    def sizes(self, graph: Graph) -> list[dict[str, int]]:
        """Two sizes for every symbol."""
        names = sorted(graph.symbols())
        given = [self.notes.get(f"sizes {s}", f"{2 + i}, {5 + 2 * i}").split(",") for i, s in enumerate(names)]
        return [{s: int(g[k]) for s, g in zip(names, given, strict=True)} for k in (0, 1)] if names else [{}]

    def inputs(self, graph: Graph, sizes: Mapping[str, int]) -> dict[str, Array]:
        """Arrays for the inputs, the same in every run."""
        return {v.name: self._array(v, sizes) for v in graph.inputs}

    def _array(self, value: Value, sizes: Mapping[str, int]) -> Array:
        rng = np.random.default_rng(zlib.crc32(value.name.encode()))
        shape = [int(substitute(d, dict(sizes))) for d in value.type.shape]  # type: ignore[arg-type]
        dtype = value.type.dtype
        limits = self.notes.get(f"range %{value.name}")
        low, high = map(float, (limits or "0..9").split(".."))
        if dtype is DType.BOOL:
            array = rng.integers(0, 2, shape)
        elif dtype.is_int:
            array = rng.integers(int(low), int(high), shape, endpoint=True)
        else:
            array = rng.uniform(low, high, shape) if limits else rng.standard_normal(shape)
        return array.astype(np.float32).astype(dtype.numpy)


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file."""
    passes = ""
    for number, part in enumerate(_parts(path)):
        before, _, after = part.partition(f"\n{_BECOMES}\n")
        notes = dict(_NOTE.findall(before))
        passes = notes.get("passes", passes)
        names = OPTIMIZE if passes == "optimize" else tuple(p.strip() for p in passes.split(","))
        yield Case(path, number, before, after.strip(), names, notes)


def expectation(case: Case, before: str, after: str) -> str:
    """What stands below `-----` for a graph that was `before` and is `after`."""
    return _SAME if before == after else after


def update(case: Case, after: str) -> None:
    """Write a new expectation into the file of a case."""
    parts = _parts(case.path)
    parts[case.number] = f"{case.before}\n{_BECOMES}\n{after}"
    case.path.write_text(f"\n{_NEXT}\n".join(parts) + "\n", encoding="utf-8")


def _parts(path: Path) -> list[str]:
    return [p.strip("\n") for p in re.split(f"^{_NEXT}$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)]
