"""What a quantized graph loses against the float one on data, by its outputs in an engine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.quantize.statistics.engine import open_engine

Outputs = Mapping[str, Array]


@dataclass(frozen=True)
class Loss:
    """How far outputs are off: the part of their power that is error, of the worst output; and how many labels stay."""

    noise: float
    agreement: float | None = None
    """Of the rows of outputs with classes, the part whose greatest class is the same; None if there is none."""

    @property
    def snr(self) -> float:
        """The same as dB."""
        return math.inf if not self.noise else -10 * math.log10(self.noise)

    def __str__(self) -> str:
        labels = "" if self.agreement is None else f"agreement {100 * self.agreement:.2f} %, "
        return f"{labels}SNR {self.snr:.1f} dB"


def outputs_of(graph: Graph, batches: Iterable[Mapping[str, Array]], threads: int = 1) -> list[dict[str, Array]]:
    """The float outputs of a graph on batches, in the first engine that takes it."""
    named = {o.value: o.name for o in graph.outputs if o.value.type.dtype.is_float and o.value.producer is not None}
    engine = open_engine(graph, list(named), threads)
    try:
        return [{named[v]: np.asarray(a) for v, a in engine.values(batch)} for batch in batches]
    finally:
        engine.close()


def loss_of(expected: Sequence[Outputs], found: Sequence[Outputs]) -> Loss:
    """The loss of outputs against others on the same batches."""
    power: dict[str, list[float]] = {}
    same = rows = 0
    for one, other in zip(expected, found, strict=True):
        for name, array in one.items():
            a = array.astype(np.float64)
            b = other[name].astype(np.float64)
            finite = np.isfinite(a) & np.isfinite(b)
            sums = power.setdefault(name, [0.0, 0.0])
            sums[0] += float((a[finite] ** 2).sum())
            odd = not np.array_equal(np.isfinite(a), np.isfinite(b))
            sums[1] += math.inf if odd else float(((a - b)[finite] ** 2).sum())
            if a.ndim >= 2 and a.shape[-1] > 1:
                agree = a.argmax(-1) == b.argmax(-1)
                same = same + int(agree.sum())
                rows = rows + agree.size
    noise = max((error / total if total else float(error > 0) for total, error in power.values()), default=0.0)
    return Loss(noise, same / rows if rows else None)
