"""Timing gives every contender its turns, and whatever an engine does is a result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kexport.engines.bench import LEAST, TURN, Contender, Timing, time_contenders
from kexport.engines.worker import find_runtime
from tests import toy

INPUTS = {"x": np.ones((1, toy.FEATURES), np.float32)}


def contenders(artifact: Path, *behaviours: str) -> list[Contender]:
    return [Contender(toy.SPEC, artifact, find_runtime(toy.TARGET, b), 1, INPUTS) for b in behaviours]


def test_everyone_gets_its_runs(artifact: Path) -> None:
    found = time_contenders(contenders(artifact, "good", "chatty"), runs=TURN + 2)
    for timing in found:
        assert (timing.status, timing.message, timing.runs) == ("ok", "", TURN + 2)
        assert 0 < (timing.best or 0) <= (timing.median or 0) <= (timing.p95 or 0)
        assert timing.first
        assert timing.load
        assert timing.start
        assert timing.peak_bytes > 10e6


def test_the_time_of_layers_is_asked_for_where_an_engine_tells(artifact: Path) -> None:
    found = time_contenders(contenders(artifact, "good", "profiled", "unprofilable"), runs=1)
    assert [t.status for t in found] == ["ok", "ok", "ok"]
    assert [t.layers for t in found] == [{}, {"hidden": 0.5, "": 0.25}, {}]
    assert found[0].load
    assert found[1].load is None
    assert found[1].start


def test_who_had_enough_time_stops_after_a_few_runs(artifact: Path) -> None:
    (timing,) = time_contenders(contenders(artifact, "good"), runs=10 * TURN, seconds=0)
    assert timing.runs == LEAST


@pytest.mark.parametrize(
    ("behaviour", "status", "message"),
    [
        ("segfault", "crashed", "ended by SIGSEGV: about to die"),
        ("exit", "crashed", "exit code 3"),
        ("raise", "error", "RuntimeError: the engine refuses op 7"),
        ("decline", "not applicable", "this engine is for smaller models"),
        ("absent", "missing", "absent is not installed: pip install 'kexport[toy]'"),
    ],
)
def test_misbehaviour_is_a_result_and_spoils_nobody_else(
    artifact: Path, behaviour: str, status: str, message: str
) -> None:
    bad, good = time_contenders(contenders(artifact, behaviour, "good"), runs=1)
    assert bad == Timing(status, bad.message)
    assert bad.message.startswith(message)
    assert (good.status, good.runs) == ("ok", 1)


def test_a_hang_ends_at_the_time_limit(artifact: Path) -> None:
    (timing,) = time_contenders(contenders(artifact, "hang"), runs=1, timeout=2)
    assert timing == Timing("timeout", "no answer after 2 s")


def test_it_tells_who_is_loaded_and_how_far_it_is(artifact: Path) -> None:
    told: list[tuple[str, float]] = []
    time_contenders(contenders(artifact, "good"), runs=2 * TURN, tell=lambda what, part: told.append((what, part)))
    assert told == [("good, 1 thread", 0.0), ("in turns of 5 runs", 0.5), ("in turns of 5 runs", 0.75)]


def test_nothing_to_time() -> None:
    assert time_contenders([]) == []
