"""Numbers and tables for people."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from kexport.cli import render
from kexport.cli.render import number_text, print_table, print_wide_table, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (14_200_000, "14.2 MB"), (2_700_000_000_000, "2700.0 GB")],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


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


@pytest.mark.parametrize("width", [79, 33])
def test_a_wide_table_is_turned_where_it_does_not_fit(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    narrow = Console(file=io.StringIO(), width=width)
    monkeypatch.setattr(render, "stdout", lambda: narrow)
    print_wide_table(("target", "file", "status"), [["onnx", "dist/a.onnx", "verified"], ["b", "x" * 9, "failed"]])
    assert isinstance(narrow.file, io.StringIO)
    lines = [line.split() for line in narrow.file.getvalue().splitlines()]
    if width == 79:
        assert lines[2:] == [["onnx", "dist/a.onnx", "verified"], ["b", "x" * 9, "failed"]]
    else:
        assert [lines[0], *lines[2:]] == [
            ["target", "onnx", "b"],
            ["file", "dist/a.onnx", "x" * 9],
            ["status", "verified", "failed"],
        ]
