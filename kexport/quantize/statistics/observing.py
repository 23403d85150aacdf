"""Observes a graph on data: runs it batch by batch and keeps the statistics of its values, nothing of the data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import prod
from typing import Protocol

from kexport.errors import ConfigError
from kexport.ir.graph import Graph, Value
from kexport.ir.op import Array
from kexport.quantize.statistics.bounds import bounds_of, is_fixed
from kexport.quantize.statistics.engine import Engine, open_engine
from kexport.quantize.statistics.floor import feeds_softmax, softmax_floor
from kexport.quantize.statistics.measure import measure
from kexport.quantize.statistics.names import graph_digest, value_names
from kexport.quantize.statistics.statistics import Statistics
from kexport.quantize.statistics.value import ValueStatistics, nothing

BATCH_BYTES = 64 << 20
"""What all values of one batch may take together, as long as a batch has more than one sample."""
MOST_ROWS = 64
_OPEN = 32
"""What an open size counts as, where memory is planned."""

Tell = Callable[[int, int | None], None]
"""Told how many samples are done, and of how many, where that is known."""


class Source(Protocol):
    """Data to observe on; see `kexport.quantize.calibration`."""

    @property
    def samples(self) -> int | None:
        """How many samples there are; None if that shows only at the end."""
        ...

    @property
    def digest(self) -> str:
        """A hash of the data; empty where there is none without reading all of it."""
        ...

    def batches(self, rows: int) -> Iterator[tuple[Mapping[str, Array], int]]:
        """Inputs by name with their number of samples, `rows` at a time as far as the model takes so many."""
        ...


def observe(graph: Graph, source: Source, *, threads: int | None = None, tell: Tell | None = None) -> Statistics:
    """The statistics of all float values of an optimized graph on data.

    Args:
        graph: the graph that is to be quantized, with nothing of it quantized yet.
        source: the data.
        threads: for the engine; None for as many as there are processors.
        tell: see `Tell`.

    Raises:
        ConfigError: the data is not what the graph takes, or there is none.
        GraphError: the graph cannot be computed on it.
    """
    threads = threads or os.cpu_count() or 1
    wanted = [v for n in graph.nodes for v in n.outputs if v.type.dtype.is_float]
    engine = open_engine(graph, wanted, threads)
    observer = _Observer(graph, wanted)
    try:
        samples = _observe_all(engine, source, observer, threads, tell)
    finally:
        engine.close()
    if not samples:
        raise ConfigError("there is no data to calibrate with", hint="give at least one sample; 100 to 500 are good")
    return Statistics(graph_digest(graph), (source.digest,), samples, observer.named(), observer.first)


def _observe_all(engine: Engine, source: Source, observer: _Observer, threads: int, tell: Tell | None) -> int:
    samples = 0
    with ThreadPoolExecutor(threads) as pool:
        for inputs, count in source.batches(batch_rows(engine.graph, engine.wanted)):
            jobs = [pool.submit(observer.see, v, a, count) for v, a in observer.inputs(inputs)]
            jobs += [pool.submit(observer.see, v, a, count) for v, a in engine.values(inputs)]
            for job in jobs:
                job.result()
            samples += count
            if tell:
                tell(samples, source.samples)
    return samples


class _Observer:
    """The statistics so far. Each value is seen by one thread at a time."""

    def __init__(self, graph: Graph, wanted: Sequence[Value]):
        self._graph = graph
        self._logits = {v for v in wanted if feeds_softmax(graph, v)}
        self.first: Mapping[str, Array] | None = None
        self._values = [*(v for v in graph.inputs if v.type.dtype.is_float), *wanted]
        self._found: dict[Value, ValueStatistics] = {v: nothing(bounds_of(v), is_fixed(v)) for v in self._values}

    def inputs(self, arrays: Mapping[str, Array]) -> Iterator[tuple[Value, Array]]:
        """The float inputs with their arrays."""
        self.first = self.first or dict(arrays)
        return ((v, arrays[v.name]) for v in self._graph.inputs if v in self._found)

    def see(self, value: Value, array: Array, samples: int) -> None:
        """Add a batch of one value."""
        before = self._found[value]
        channels = bool(value.type.rank) and isinstance(value.type.shape[-1], int)
        found = measure(array, samples, channels, before.bounds, before.fixed)
        if value in self._logits:
            found = replace(found, floor=softmax_floor(array))
        self._found[value] = before.merged(found)

    def named(self) -> dict[str, ValueStatistics]:
        """By name, in the order of the graph."""
        names = value_names(self._graph)
        return {names[v]: self._found[v] for v in self._values}


def batch_rows(graph: Graph, values: Sequence[Value]) -> int:
    """How many samples to run at once, so that the values of a batch stay within `BATCH_BYTES`."""
    first = {v.type.shape[0] if v.type.rank else None for v in graph.inputs}
    fixed = first.pop() if len(first) == 1 else None
    if isinstance(fixed, int):
        return fixed
    one = sum(4 * prod(d if isinstance(d, int) else _OPEN for d in v.type.shape[1:]) for v in values if v.type.rank)
    return max(1, min(MOST_ROWS, BATCH_BYTES // max(one, 1)))
