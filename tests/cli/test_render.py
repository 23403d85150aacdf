"""Numbers and tables for people."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from kexport.cli import render
from kexport.cli.render import print_fitting_table, print_table
from kexport.report.words import number_text, seconds_text, size_text
from tests.cli.conftest import Call, Run
from tests.cli.fakes import FakeReport


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
ROWS = (("onnx", "dist/a.onnx", "verified", "engine-1.2"), ("b", "dist/naïve 名.b", "failed", "other-3"))
WIDE = """\
target   file              status     runtime
────────────────────────────────────────────────
onnx     dist/a.onnx       verified   engine-1.2
b        dist/naïve 名.b   failed     other-3
"""
NARROW = """\
target   status     runtime
──────────────────────────────
onnx     verified   engine-1.2
  dist/a.onnx
b        failed     other-3
  dist/naïve 名.b
"""
NARROWEST = """\
target   status
─────────────────
onnx     verified
  dist/a.onnx
b        failed
  dist/naïve 名.b
"""


@pytest.mark.parametrize(("width", "shown"), [(10_000, WIDE), (48, WIDE), (47, NARROW), (30, NARROW), (20, NARROWEST)])
def test_no_cell_is_broken_where_a_table_does_not_fit(monkeypatch: pytest.MonkeyPatch, width: int, shown: str) -> None:
    text = io.StringIO()
    monkeypatch.setattr(render, "stdout", lambda: Console(file=text, width=width))
    print_fitting_table(COLUMNS, ROWS, below=("file",), drop=("runtime",))
    assert text.getvalue() == shown


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_report_keeps_file_names_whole(
    run: Run, calls: list[Call], report: FakeReport, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    text = io.StringIO()
    monkeypatch.setattr(render, "stdout", lambda: Console(file=text, width=width))
    assert run("export", "m.keras").exit_code == 0
    lines = text.getvalue().splitlines()
    assert [sum(a.path in line for line in lines) for a in report.artifacts] == [1, 1]
    assert all(a.status in text.getvalue() for a in report.artifacts)
    table = lines[: lines.index("tflite: ai-edge-litert is not installed")]
    assert max(map(len, table)) <= max(width, 54)
