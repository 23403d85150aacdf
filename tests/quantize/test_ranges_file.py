"""Files of ranges: what is written is read, a stranger's file is checked, and the same work is not done twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.errors import VerifyError
from kexport.evidence.tensors import load_tensors, save_tensors
from kexport.ir.op import Array
from kexport.quantize.statistics import ranges_file
from kexport.quantize.statistics.measure import measure
from kexport.quantize.statistics.observing import observe
from kexport.quantize.statistics.ranges_file import load_statistics, observed, save_statistics
from kexport.quantize.statistics.statistics import Statistics
from kexport.quantize.statistics.value import ValueStatistics, nothing
from tests.quantize.test_observing import Data, rows
from tests.toy import graph, weights


def statistics() -> Statistics:
    draw = np.random.default_rng(0).standard_normal
    values = {
        "x": measure(draw((40, 6)).astype(np.float32)),
        "never": nothing(),
        "mask": measure(np.array([-np.inf, 0, 1], np.float32)),
        "probs": measure(draw((40, 2)).astype(np.float32) ** 2 / 99, bounds=(0.0, 1.0), fixed=True),
        "logits": dataclasses.replace(measure(draw((40, 2)).astype(np.float32)), floor=-3.5),
        "scale": measure(np.asarray(3, np.float32)),
    }
    return Statistics("0" * 64, ("a" * 64, ""), 40, values)


def assert_same(a: ValueStatistics, b: ValueStatistics) -> None:
    for name in ("count", "nonfinite", "low", "high", "total", "square", "bounds", "fixed", "floor"):
        assert getattr(a, name) == getattr(b, name), name
    assert (a.histogram is None) == (b.histogram is None)
    if a.histogram and b.histogram:
        assert a.histogram.counts.tolist() == b.histogram.counts.tolist()
        assert (a.histogram.exponent, a.histogram.first) == (b.histogram.exponent, b.histogram.first)
    assert (a.channels is None) == (b.channels is None)
    if a.channels and b.channels:
        assert a.channels.rows == b.channels.rows
        assert all(np.array_equal(getattr(a.channels, n), getattr(b.channels, n)) for n in ("low", "high", "total"))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.ranges.safetensors"
    given = statistics()
    save_statistics(given, path)
    found = load_statistics(path)
    assert (found.graph, found.data, found.samples) == (given.graph, given.data, given.samples)
    assert list(found.values) == list(given.values)
    for name, value in given.values.items():
        assert_same(value, found.values[name])
    first = path.read_bytes()
    save_statistics(found, path)
    assert path.read_bytes() == first


def test_the_same_work_is_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "toy.ranges.safetensors"
    runs = list[int]()

    def counted(*args: Any, **how: Any) -> Statistics:
        runs.append(1)
        return observe(*args, **how)

    monkeypatch.setattr(ranges_file, "observe", counted)
    first = observed(graph(), Data(rows()), path)
    again = observed(graph(), Data(rows()), path)
    assert len(runs) == 1
    for name, value in first.values.items():
        assert_same(value, again.values[name])
    observed(graph(), Data(rows(), "other"), path)
    observed(graph(weights(8)), Data(rows(), "other"), path)
    observed(graph(), Data(rows(), ""), path)
    observed(graph(), Data(rows(), ""), path)
    assert len(runs) == 5
    path.write_bytes(b"damaged")
    observed(graph(), Data(rows()), path)
    assert len(runs) == 6
    assert load_statistics(path).samples == 150


def changed(tmp_path: Path, name: str, index: Any, value: Any) -> Path:
    """A file whose hashes are right and of whose numbers one is another."""
    path = tmp_path / "m.ranges.safetensors"
    save_statistics(statistics(), path)
    tensors, about = load_tensors(path)
    if name in tensors:
        array: Array = tensors[name].copy()
        array[index] = value
        tensors[name] = array
    else:
        about[name] = value
    save_tensors(path, tensors, about)
    return path


@pytest.mark.parametrize(
    ("name", "index", "value", "words"),
    [
        ("format", None, 2, "this kexport reads 1"),
        ("graph", None, "mine", "graph"),
        ("data", None, [], "data"),
        ("samples", None, 0, "samples"),
        ("names", None, ["x"] * 6, "two values of one name"),
        ("names", None, ["x"], "no tensor of"),
        ("surplus", None, 1, "surplus"),
        ("numbers", (0, 0), np.nan, "no range"),
        ("numbers", (0, 1), -9, "no range"),
        ("numbers", (0, 1), 9, "not that of its range"),
        ("numbers", (0, 3), -1, "no sum"),
        ("numbers", (0, 4), np.nan, "hold no 0"),
        ("numbers", (3, 5), np.inf, "fixed bounds"),
        ("numbers", (4, 6), np.nan, "a floor is no number"),
        ("numbers", (1, 0), 0, "a range and no numbers"),
        ("counts", (0, 0), 0, "no tensor of"),
        ("counts", (0, 0), 3, "counts what was not there"),
        ("counts", (0, 1), -3, "a count is negative"),
        ("counts", (0, 2), 3, "hold no 0"),
        ("counts", (0, 3), 3, "not that of its range"),
        ("counts", (0, 4), 3, "not that of its range"),
        ("counts", (0, 5), 10**9, "counts what was not there"),
        ("counts", (0, 6), 2**40, "too many channels"),
        ("counts", (0, 6), 5, "no tensor of"),
        ("counts", (0, 7), 41, "not its own"),
        ("histograms", (0, 7), -1, "counts what was not there"),
        ("histograms", 0, 0, "empty"),
        ("channels", (0, 0), np.nan, "a channel has no range"),
        ("channels", (1, 0), 99, "not its own"),
    ],
)
def test_numbers_that_cannot_be_are_refused(tmp_path: Path, name: str, index: Any, value: Any, words: str) -> None:
    path = changed(tmp_path, name, index, value)
    with pytest.raises(VerifyError, match=words) as caught:
        load_statistics(path)
    assert caught.value.where == str(path)
    assert "calibrate again" in str(caught.value.hint)


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{}      ", b"x" * 100])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.ranges.safetensors"
    path.write_bytes(content)
    with pytest.raises(VerifyError):
        load_statistics(path)
    with pytest.raises(VerifyError, match="no such file"):
        load_statistics(tmp_path / "none")
