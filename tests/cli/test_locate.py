"""`kexport verify --locate` and `kexport reduce`: what the options become, and what is printed."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

import kexport.workflows
from kexport.cli.layers import bar, sentence
from kexport.ir.contract import Contract
from kexport.locate.divergence import DIVERGES, MERGED, OK, LayerCheck, Location
from kexport.verify.status import Status, Verdict
from kexport.workflows import LocateReport, ReduceReport
from tests.cli.conftest import Run

CONV = LayerCheck("block/conv", "conv+add", MERGED, computed=("block/conv",))
NORM = LayerCheck("block/norm", "batch_norm", OK, 1e-7, 1e-5, "random-0", "within tolerance", "norm", ("block/conv",))
BEND = LayerCheck(
    "bend", "gelu", DIVERGES, 0.5, 1e-5, "random-0", "error 0.5", "bend", ("drop", "bend"), ("block/norm",)
)
OUT = LayerCheck("out", "dense", DIVERGES, math.inf, 1e-5, "random-0", "3 elements are NaN", "out", ("out",), ("bend",))
LOST = LayerCheck("bend", "gelu", DIVERGES, reason="the graph is another", computed=("bend",))


def location(*layers: LayerCheck, status: str = "failed", note: str = "") -> Location:
    return Location("onnx", "quarantine/net.onnx", "engine", status, "output 'y': error 0.5", layers, note)


def report(*locations: Location, capture: dict[str, str] | None = None) -> LocateReport:
    return LocateReport("net", Contract((), ()), locations, capture or {}, ("random-0",))


@pytest.fixture
def located(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """`locate` gives a divergence; its calls."""
    calls: list[Any] = []

    def locate(*args: Any, progress: Any, **kwargs: Any) -> LocateReport:
        calls.append((args, kwargs))
        good = dataclasses.replace(location(NORM, status="verified"), runtime="other")
        return report(location(CONV, NORM, BEND, OUT), good)

    monkeypatch.setattr(kexport.workflows, "locate", locate)
    return calls


def test_options_become_arguments(run: Run, located: list[Any]) -> None:
    args = ["--model", "m.keras", "--dim", "batch=2", "--trust", "--custom", "c", "--name", "net", "--timeout", "9"]
    assert run("verify", "dist", "--locate", *args).exit_code == 1
    expected = {
        "name": "net",
        "reference": None,
        "browser": False,
        "model": "m.keras",
        "dims": {"batch": 2},
        "custom": ("c",),
        "trust": True,
        "tolerance": None,
        "timeout": 9,
    }
    assert located == [(("dist",), expected)]


def test_the_first_layer_is_named_and_shown_in_a_table(run: Run, located: list[Any]) -> None:
    lines = run("verify", "dist", "--locate").stdout.splitlines()
    assert lines[0] == (
        "onnx in engine: failed; first divergence: layer 'bend' (gelu), into which drop is merged, batch 'random-0': "
        "error 0.5"
    )
    assert lines[1].split() == ["layer", "ops", "error", "budget", "verdict", "error", "/", "budget"]
    rows = {line.split()[0]: line.split() for line in lines[3:6]}
    assert rows["block/norm"][1:6] == ["batch_norm", "1e-07", "1e-05", "ok", "####"]
    assert rows["bend"][1:5] == ["gelu", "0.5", "1e-05", "diverges"]
    assert rows["out"][2] == "inf"
    assert "block/conv" not in rows
    assert lines[-2] == "onnx in other: verified; no divergence in 1 layers"
    assert lines[-1] == "net: 1 of 2 runs diverge (batches random-0)"


def test_a_plot_is_written(run: Run, located: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "layers.svg"
    result = run("verify", "dist", "--locate", "--plot", str(path))
    assert result.stdout.splitlines()[-1] == f"error by layer: {path}"
    assert "bend in onnx in engine: 5e+04 times its budget" in path.read_text()


def test_json_holds_every_layer(run: Run, located: list[Any]) -> None:
    data = json.loads(run("verify", "dist", "--locate", "--json").stdout)
    first, second = data["locations"]
    assert not data["ok"]
    assert (first["first"], second["first"]) == ("bend", None)
    assert [c["verdict"] for c in first["layers"]] == ["merged", "ok", "diverges", "diverges"]
    assert first["layers"][3]["error"] == "inf"
    assert run("verify", "dist", "--locate", "-q").output == ""


@pytest.mark.parametrize("args", [["--plot", "x.svg"], ["--model", "m.keras"], ["--trust"], ["--dim", "batch=1"]])
def test_options_of_locate_need_it(run: Run, args: list[str]) -> None:
    result = run("verify", "dist", *args)
    assert result.exit_code == 3
    assert "belong to --locate\n  hint: add --locate" in result.stderr


def test_nothing_is_located_elsewhere(run: Run, located: list[Any]) -> None:
    result = run("verify", "dist", "--locate", "--on", "ssh://board")
    assert result.exit_code == 3
    assert "--locate looks into artifacts on this machine" in result.stderr
    assert located == []


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (location(LOST), "first divergence: layer 'bend' (gelu): the graph is another"),
        (location(CONV, NORM), "failed, though all 1 layers that show are right, 1 more is merged into them. What is"),
        (location(note="it was not run"), "failed; no layer shows: it was not run"),
        (location(CONV, CONV, NORM, status="verified"), "no divergence in 1 layers, 2 more are merged into them"),
    ],
)
def test_sentences(found: Location, text: str) -> None:
    assert text in sentence(found)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (None, ""),
        (0.0, "        |"),
        (1e-9, "        |"),
        (0.01, "####    |"),
        (1.0, "########|"),
        (100.0, "########|####"),
        (math.inf, "########|########"),
    ],
)
def test_bars(ratio: float | None, text: str) -> None:
    assert bar(ratio) == text


def test_what_capture_gets_wrong_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = report(location(note="it was not run"), capture={"norm": "too far off", "out": "too"})
    monkeypatch.setattr(kexport.workflows, "locate", lambda *a, **k: found)
    result = run("verify", "dist", "--locate")
    assert "capture: first layer that differs from Keras: 'norm': too far off" in result.stdout
    assert result.exit_code == 1


def reduced(**changes: Any) -> ReduceReport:
    values: dict[str, Any] = {
        "model": "net",
        "target": "onnx",
        "runtime": "engine",
        "layer": "bend",
        "reproduced": True,
        "ops": ("gelu @ bend",),
        "reason": "error 0.5",
        "located": "error 0.4",
        "options": {},
        "path": "reduced",
    }
    return ReduceReport(**values | changes)


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        ({}, ["net, onnx in engine: layer 'bend': error 0.4", "reduced to 1 op: gelu @ bend", "verify reduced"]),
        ({"ops": tuple("abcdefghij")}, ["10 ops: a, b, c, d, e, f, g, h, and 2 more"]),
        ({"reproduced": False, "same_file": False}, ["is not the file that kexport emits", "in that file only"]),
        ({"reproduced": False, "same_file": True}, ["emits this very file for the model now"]),
        ({"reproduced": False}, ["cannot be emitted again here"]),
        ({"layer": ""}, ["net, onnx in engine: error 0.4"]),
    ],
)
def test_a_reduction_in_words(
    run: Run, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], texts: list[str]
) -> None:
    calls: list[Any] = []

    def reduce(*args: Any, progress: Any, **kwargs: Any) -> ReduceReport:
        calls.append((args, kwargs))
        return reduced(**changes)

    monkeypatch.setattr(kexport.workflows, "reduce", reduce)
    result = run("reduce", "dist", "-o", "reduced", "--target", "onnx", "--runtime", "engine")
    assert result.exit_code == 0
    for text in texts:
        assert text in result.stdout
    assert calls[0][0] == ("dist", "reduced")
    assert calls[0][1]["target"] == "onnx"
    assert calls[0][1]["runtime"] == "engine"
    data = json.loads(run("reduce", "dist", "--json").stdout)
    assert data["ops"] == list(reduced(**changes).ops)


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [(Status.FAILED, 1, "still diverges: why"), (Status.VERIFIED, 0, "is verified now: why")],
)
def test_a_part_is_checked_again(
    run: Run, monkeypatch: pytest.MonkeyPatch, status: Status, code: int, text: str
) -> None:
    verdict = Verdict("reduced.onnx", "onnx", "engine", "1", "", "cpu", status, "why")
    monkeypatch.setattr(kexport.workflows, "check_reduced", lambda *a, **k: (reduced(), verdict))
    result = run("reduce", "--check", "reduced")
    assert (result.exit_code, result.stdout) == (code, f"onnx in engine: the part {text}\n")
    assert json.loads(run("reduce", "--check", "reduced", "--json").stdout)["status"] == status.value


@pytest.mark.parametrize("other", [["--locate"], ["--on", "ssh://pi@board"]], ids=lambda o: o[0])
def test_runtimes_are_named_for_checks_of_outputs_here(run: Run, other: list[str]) -> None:
    result = run("verify", "dist/", "--runtime", "tflm", *other)
    assert result.exit_code == 3
    assert f"{other[0]} uses all runtimes" in result.stderr
