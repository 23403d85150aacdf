"""Statistics on disk: `NAME.ranges.safetensors`, so that the same graph is observed once on the same data.

The file is read as a stranger's: what its numbers say must be possible, and no range can be wider than its histogram.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from kexport.documents.malformed import Malformed
from kexport.documents.read import validator
from kexport.errors import KexportError, VerifyError
from kexport.evidence.tensors import load_tensors, save_tensors
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.quantize.statistics.histogram import BINS, Histogram, exponent_for
from kexport.quantize.statistics.names import graph_digest
from kexport.quantize.statistics.observing import Source, Tell, observe
from kexport.quantize.statistics.statistics import Statistics
from kexport.quantize.statistics.value import Channels, ValueStatistics

SUFFIX = ".ranges.safetensors"
FORMAT = 1
_NUMBERS = ("low", "high", "total", "square", "bound_low", "bound_high", "floor")
_COUNTS = ("count", "nonfinite", "fixed", "exponent", "first", "zeros", "channels", "rows")
_AGAIN = "calibrate again, with the data"


def observed(
    graph: Graph, source: Source, path: Path | None = None, *, threads: int | None = None, tell: Tell | None = None
) -> Statistics:
    """The statistics of a graph on data: those of the file if it is about both, else observed and written to it.

    Raises:
        ConfigError: see `observe`.
        VerifyError: the disk refuses.
    """
    digest = source.digest
    if path is not None and digest and path.is_file():
        try:
            found = load_statistics(path)
        except VerifyError:  # whatever lies there is written anew
            found = None
        if found is not None and found.graph == graph_digest(graph) and found.data == (digest,):
            return found
    made = observe(graph, source, threads=threads, tell=tell)
    if path is not None:
        save_statistics(made, path)
    return made


def save_statistics(statistics: Statistics, path: Path) -> None:
    """Write statistics, whole or not at all; nothing of the file depends on time or place.

    Raises:
        VerifyError: the disk refuses.
    """
    values = list(statistics.values.values())
    channels = [c for v in values if (c := v.channels)]
    tensors = {
        "numbers": np.array([_numbers(v) for v in values], np.float64).reshape(-1, len(_NUMBERS)),
        "counts": np.array([_counts(v) for v in values], np.int64).reshape(-1, len(_COUNTS)),
        "histograms": np.array([v.histogram.counts for v in values if v.histogram], np.int64).reshape(-1, BINS),
        "channels": np.concatenate(
            [np.zeros((3, 0)), *(np.stack([c.low, c.high, c.total]) for c in channels)], axis=1, dtype=np.float64
        ),
    }
    about = {
        "format": FORMAT,
        "graph": statistics.graph,
        "data": statistics.data,
        "samples": statistics.samples,
        "names": list(statistics.values),
    }
    save_tensors(path, tensors, about)


def load_statistics(path: Path) -> Statistics:
    """Read statistics and check all of them.

    Raises:
        VerifyError: no file, a damaged one, one of another version, or numbers that contradict each other.
    """
    tensors, data = load_tensors(path)
    if data.get("format") != FORMAT:
        what = f"the file has format {data.get('format')!r}, this kexport reads {FORMAT}"
        raise VerifyError(what, where=str(path), hint=_AGAIN)
    try:
        validator("ranges")(data)
        names = data["names"]
        if len(set(names)) != len(names):
            raise Malformed("it has two values of one name")
        values = dict(zip(names, _values(tensors, len(names)), strict=True))
    except (Malformed, KexportError) as e:
        raise VerifyError(f"these are no statistics: {e}", where=str(path), hint=_AGAIN) from e
    return Statistics(data["graph"], tuple(data["data"]), data["samples"], values)


def _numbers(value: ValueStatistics) -> list[float]:
    return [value.low, value.high, value.total, value.square, *value.bounds, value.floor]


def _counts(value: ValueStatistics) -> list[int]:
    histogram = value.histogram
    channels = value.channels
    place = (histogram.exponent, histogram.first, histogram.zeros) if histogram else (0, 0, 0)
    width = (len(channels.low), channels.rows) if channels else (0, 0)
    return [value.count, value.nonfinite, int(value.fixed), *place, *width]


def _values(tensors: Mapping[str, Array], count: int) -> Iterable[ValueStatistics]:
    numbers = _tensor(tensors, "numbers", np.float64, (count, len(_NUMBERS)))
    counts = _tensor(tensors, "counts", np.int64, (count, len(_COUNTS)))
    seen = counts[:, 0] > 0
    _require(bool((counts[:, [0, 1, 2, 5, 6, 7]] >= 0).all()), "a count is negative")
    histograms = iter(_tensor(tensors, "histograms", np.int64, (int(seen.sum()), BINS)))
    _require(bool((counts[:, 6] <= 1 << 32).all()), "a value has too many channels")
    channels = _tensor(tensors, "channels", np.float64, (3, int(counts[:, 6].sum())))
    at = 0
    found = []
    for row, whole in zip(numbers.tolist(), counts.tolist(), strict=True):
        end = at + whole[6]
        found.append(_value(row, whole, next(histograms) if whole[0] else None, channels[:, at:end]))
        at = end
    return found


def _value(numbers: list[float], counts: list[int], bins: Array | None, channels: Array) -> ValueStatistics:
    low, high, total, square, *bounds, floor = numbers
    count, nonfinite, fixed, exponent, first, zeros, width, rows = counts
    _require(bounds[0] <= 0 <= bounds[1] and fixed in (0, 1), "the bounds of a value hold no 0")
    _require(floor < math.inf, "a floor is no number")
    _require(not fixed or all(map(math.isfinite, bounds)), "fixed bounds are infinite")
    histogram = found = None
    if bins is not None:
        _require(all(map(math.isfinite, (low, high, total))) and low <= high, "a value has no range")
        _require(0 <= square < math.inf, "the squares of a value have no sum")
        _require(exponent == exponent_for(low, high), "a histogram is not that of its range")
        _require(first == math.floor(math.ldexp(low, -exponent)), "a histogram is not that of its range")
        _require(bool((bins >= 0).all()) and zeros <= int(bins.sum()) <= count, "a histogram counts what was not there")
        _require(int(bins.sum()) > 0, "a histogram is empty")
        histogram = Histogram(exponent, first, bins, zeros)
    else:
        _require((low, high, total, square) == (math.inf, -math.inf, 0, 0), "a value has a range and no numbers")
    if width:
        _require(bool(np.isfinite(channels).all() and (channels[0] <= channels[1]).all()), "a channel has no range")
        fits = (channels[0].min(), channels[1].max(), rows * width) == (low, high, count)
        _require(bool(fits), "the channels of a value are not its own")
        found = Channels(channels[0], channels[1], channels[2], rows)
    return ValueStatistics(
        count, nonfinite, low, high, total, square, histogram, found, (bounds[0], bounds[1]), bool(fixed), floor
    )


def _tensor(tensors: Mapping[str, Array], name: str, dtype: type, shape: tuple[int, ...]) -> Array:
    found = tensors.get(name)
    if found is None or found.dtype != dtype or found.shape != shape:
        raise Malformed(f"{name} are no tensor of {np.dtype(dtype).name}{list(shape)}")
    return found


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Malformed(otherwise)
