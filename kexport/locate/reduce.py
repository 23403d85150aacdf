"""Finds the smallest part of a model that, emitted on its own, still diverges in an engine.

The candidates begin with what computes the first layer that diverges, on inputs from the float64 oracle. Each is
optimized, legalized, emitted, run and judged as any model is; what still fails is made smaller, from both ends.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kexport.engines.runner import TIMEOUT
from kexport.errors import KexportError
from kexport.evidence.batches import Batch
from kexport.evidence.reference_file import Environment, Reference
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import is_symbol
from kexport.ir.evaluator import bind_inputs, evaluate
from kexport.ir.graph import Graph, Value
from kexport.ir.op import Array
from kexport.locate.region import all_values, cut, is_bindable
from kexport.lowered import lower_for, optimize
from kexport.target import Runtime, Target
from kexport.temporary import temporary_folder
from kexport.verify.record import record
from kexport.verify.status import Status, Verdict

MAX_RUNS = 40
"""The most candidates that are emitted and run."""
BATCH = "reduced"


@dataclass(frozen=True)
class How:
    """How to emit and run a candidate."""

    target: Target
    options: Any
    runtime: Runtime
    timeout: float = TIMEOUT


JudgePart = Callable[["Part", How, Path], Verdict]
"""Runs an emitted part in an engine and judges it."""


@dataclass(frozen=True)
class Part:
    """A part of a captured graph, with inputs from the oracle."""

    graph: Graph
    inputs: Mapping[str, Array]

    @property
    def size(self) -> int:
        """The number of its nodes."""
        return sum(1 for _ in self.graph.nodes)


@dataclass(frozen=True)
class Reduction:
    """The smallest part found. If `verdict` does not fail, the divergence is in the artifact's file alone."""

    part: Part
    verdict: Verdict
    runs: int

    @property
    def reproduced(self) -> bool:
        return is_failure(self.verdict)


def is_failure(verdict: Verdict) -> bool:
    """Return whether an engine ran an artifact and its results were wrong."""
    return verdict.status is Status.FAILED and verdict.seconds is not None


def reduce_part(
    graph: Graph, end: Value | None, stops: Sequence[Value], inputs: Mapping[str, Array], how: How, judge: JudgePart
) -> Reduction:
    """Find the smallest part of a captured graph that computes `end` and fails.

    Args:
        graph: the captured graph.
        end: the first value that diverges; None if only the outputs do.
        stops: the values before it that do not diverge.
        inputs: one batch of the graph's inputs.
        how: the target and the engine.
        judge: runs the artifact of a part in the engine.
    """
    trial = _Trial(how, judge)
    values = all_values(graph, inputs)
    first: Part | None = None
    for part in _beginnings(graph, end, stops, values):
        first = first or part
        if trial.fails(part):
            smallest = trial.shrink(part)
            return Reduction(smallest, trial.verdicts[id(smallest)], trial.runs)
    first = first or Part(graph, inputs)
    return Reduction(first, trial.judge(first), trial.runs)


def emit_part(part: Part, how: How, folder: Path) -> Path:
    """Write a part as an artifact.

    Raises:
        KexportError: the target cannot.
    """
    lowered = lower_for(how.target, how.options, optimize(part.graph), contract_of(part.graph))
    return lowered.write(folder / f"{part.graph.name}{how.target.suffix}")


def contract_of(graph: Graph) -> Contract:
    """Make the contract of a graph that is not a Keras model."""
    inputs = tuple(Port(v.name, v.type) for v in graph.inputs)
    outputs = tuple(Port(o.name, o.value.type) for o in graph.outputs)
    return Contract(inputs, outputs, list(range(len(inputs))), list(range(len(outputs))))


def reference_of(part: Part, fingerprint: str = "") -> Reference:
    """Make a reference whose outputs are those of the graph in float64 instead of Keras."""
    graph = part.graph
    contract = contract_of(part.graph)
    sizes = bind_inputs([(v.name, v.type) for v in graph.inputs], [part.inputs[v.name] for v in graph.inputs])
    bound = {name: size for name, size in sizes.items() if isinstance(size, int)}

    def run(arrays: list[Array]) -> list[Array]:
        named = {v.name: a for v, a in zip(graph.inputs, arrays, strict=True)}
        found = evaluate(graph, named, wide=True)
        with np.errstate(all="ignore"):
            return [found[p.name].astype(p.type.dtype.numpy) for p in contract.outputs]

    batch = Batch(BATCH, "sample", bound, {v.name: part.inputs[v.name] for v in graph.inputs})
    return record(contract, graph, [batch], run, Environment("kexport, in float64", model=fingerprint))


class _Trial:
    """Emits and runs parts, and counts the runs."""

    def __init__(self, how: How, judge: JudgePart):
        self.how = how
        self.judge_part = judge
        self.runs = 0
        self.verdicts: dict[int, Verdict] = {}
        self._kept: list[Part] = []

    def judge(self, part: Part) -> Verdict:
        """Return the verdict on a part, cached."""
        if id(part) not in self.verdicts:
            self.runs += 1
            self._kept.append(part)
            with temporary_folder() as folder:
                self.verdicts[id(part)] = self._judge(part, folder)
        return self.verdicts[id(part)]

    def _judge(self, part: Part, folder: Path) -> Verdict:
        head = (part.graph.name, self.how.target.name, self.how.runtime.name, None, "", "")
        try:
            return self.judge_part(part, self.how, emit_part(part, self.how, folder))
        except KexportError as e:
            return Verdict(*head, Status.EMITTED, f"it cannot be written on its own: {e.what}")

    def fails(self, part: Part) -> bool:
        """Return whether a part diverges when it is run; one that cannot be written or loaded is no evidence."""
        return is_failure(self.judge(part))

    def shrink(self, part: Part) -> Part:
        """Find a smaller part that fails as well: fewer ops at the front, then at the end, then fewer examples."""
        for smaller in (_suffixes, _prefixes, _examples):
            for candidate in smaller(part):
                if self.runs >= MAX_RUNS:
                    return part
                if self.fails(candidate):
                    part = candidate
                    break
        return part


def _beginnings(
    graph: Graph, end: Value | None, stops: Sequence[Value], values: Mapping[Value, Array]
) -> Iterator[Part]:
    """Yield initial parts, from small to the whole model: with open sizes, then with fixed ones."""
    whole = [o.value for o in graph.outputs]
    places = [] if end is None else [([end], list(stops)), ([end], [])]
    for ends, borders in [*places, (whole, [])]:
        made, sources = cut(graph, ends, borders, "reduced")
        inputs = {name: values[value] for name, value in sources.items()}
        yield Part(made if is_bindable(made) else _bound_cut(graph, values, ends, borders), inputs)


def _bound_cut(graph: Graph, values: Mapping[Value, Array], ends: Sequence[Value], borders: Sequence[Value]) -> Graph:
    """Return the part between values with the sizes of one batch instead of symbols."""
    sizes = bind_inputs([(v.name, v.type) for v in graph.inputs], [values[v] for v in graph.inputs])
    bound = graph.bind(sizes)
    pairs = dict(zip(_all(graph), _all(bound), strict=True))
    return cut(bound, [pairs[v] for v in ends], [pairs[v] for v in borders], "reduced")[0]


def _all(graph: Graph) -> list[Value]:
    return [*graph.inputs, *(v for n in graph.nodes for v in n.outputs)]


def _suffixes(part: Part) -> Iterator[Part]:
    """Yield the last op alone, the last two, the last four …"""
    nodes = list(part.graph.nodes)
    values = all_values(part.graph, part.inputs)
    ends = [o.value for o in part.graph.outputs]
    count = 1
    while count < len(nodes):
        before = [v for n in nodes[:-count] for v in n.outputs]
        yield from _between(part, ends, before, values)
        count += 1 if count < 4 else count // 2


def _prefixes(part: Part) -> Iterator[Part]:
    """Yield all ops up to the first, the second … whose values no engine shows."""
    nodes = list(part.graph.nodes)
    values = all_values(part.graph, part.inputs)
    for node in nodes[:-1]:
        yield from _between(part, list(node.outputs), [], values)


def _between(
    part: Part, ends: Sequence[Value], stops: Sequence[Value], values: Mapping[Value, Array]
) -> Iterator[Part]:
    made, sources = cut(part.graph, ends, stops, part.graph.name)
    if sources and is_bindable(made) and all(values[v].size for v in sources.values()):
        yield Part(made, {name: values[value] for name, value in sources.items()})


def _examples(part: Part) -> Iterator[Part]:
    """Reduce a batch to one example, if the first size of all inputs is the same symbol."""
    first = {v.type.shape[0] if v.type.rank else None for v in part.graph.inputs}
    (size,) = first if len(first) == 1 else (None,)
    if size is None or not is_symbol(size):
        return
    count = next(iter(part.inputs.values())).shape[0]
    for i in range(count if count > 1 else 0):
        yield dataclasses.replace(part, inputs={name: a[i : i + 1] for name, a in part.inputs.items()})
