"""Latency of several artifacts of one model, measured in turns so that noise hits all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

Runner = Callable[[], Any]


def interleaved(runners: Mapping[str, Runner], rounds: int = 40, warmup: int = 5) -> dict[str, float]:
    """Median seconds of each runner; the order turns with every round."""
    names = list(runners)
    for name in names:
        for _ in range(warmup):
            runners[name]()
    times: dict[str, list[float]] = {name: [] for name in names}
    for i in range(rounds):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            start = time.perf_counter()
            runners[name]()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(t) for name, t in times.items()}
