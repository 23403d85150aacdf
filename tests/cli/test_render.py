"""Numbers and tables for people."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from kexport.cli import render
from kexport.cli.render import print_table, print_wide_table
from kexport.report.words import number_text, seconds_text, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (14_200_000, "14.2 MB"), (2_700_000_000_000, "2700.0 GB")],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0 µs"),
        (2.5e-6, "2.5 µs"),
        (0.9999e-3, "1 ms"),
        (0.0123, "12.3 ms"),
        (1.5, "1.5 s"),
        (2e3, "2000 s"),
    ],
)
def test_durations(value: float | None, text: str) -> None:
    assert seconds_text(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (0.0, "0.0"), (131.42, "131.4"), (math.inf, "exact")])
def test_numbers(value: float | None, text: str) -> None:
    assert number_text(value, "{:.1f}") == text


def test_a_table_keeps_long_cells_whole_outside_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    path = "x" * 100
    print_table(("name", "n"), [[path, "1"], ["[red]y", "22"]], right=("n",))
    heading, rule, first, second = capsys.readouterr().out.splitlines()
    assert heading.split() == ["name", "n"]
    assert set(rule) <= set("─ ")
    assert first.split() == [path, "1"]
    assert second.split() == ["[red]y", "22"]
    assert first.rindex("1") == second.rindex("2")


COLUMNS = ("target", "file", "status", "runtime")
ROWS = (("onnx", "dist/a.onnx", "verified", "engine-1.2"), ("b", "xxxxxxxxx", "failed", "other-3"))


@pytest.mark.parametrize(("width", "turned"), [(79, False), (34, True)])
def test_a_wide_table_is_turned_where_it_does_not_fit(
    monkeypatch: pytest.MonkeyPatch, width: int, turned: bool
) -> None:
    text = io.StringIO()
    monkeypatch.setattr(render, "stdout", lambda: Console(file=text, width=width))
    print_wide_table(COLUMNS, ROWS)
    heading, _, *lines = [tuple(line.split()) for line in text.getvalue().splitlines()]
    table = (COLUMNS, *ROWS)
    assert (heading, *lines) == (tuple(zip(*table, strict=True)) if turned else table)
