"""`kexport inspect` and `reference`: what the options become, and what is printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kexport.workflows import ModelSummary
from tests.cli.conftest import Call, Run

MODEL = {"dims": {}, "trust": False, "custom": ()}
READ = MODEL | {"example": None, "replace": {}, "architecture": None, "timeout": 300}


def test_inspect_defaults(run: Run, calls: list[Call]) -> None:
    assert run("inspect", "m.keras").exit_code == 0
    assert calls == [("inspect_model", ("m.keras",), READ | {"signature": None, "optimize": False})]


def test_inspect_passes_its_options(run: Run, calls: list[Call]) -> None:
    args = ["--optimize", "--dim", "batch=2", "--signature", "s", "--custom", "a", "--trust", "--timeout", "5"]
    assert run("inspect", "m.keras", *args).exit_code == 0
    expected = {"optimize": True, "dims": {"batch": 2}, "signature": "s", "custom": ("a",), "trust": True, "timeout": 5}
    assert calls == [("inspect_model", ("m.keras",), READ | {"signature": None} | expected)]


def test_inspect_prints_ports_and_layers(run: Run, calls: list[Call]) -> None:
    rows = [line.split() for line in run("inspect", "m.keras").stdout.splitlines()]
    assert rows[0] == ["digits:", "1,234", "parameters"]
    assert ["input", "image", "f32[batch,8,8,1]"] in rows
    assert ["output", "probs", "f32[batch,10]"] in rows
    assert ["block/conv", "conv×2", "add", "1,234", "4.9", "kB", "f32[batch,8,8,4]"] in rows
    assert ["pool", "max_pool", "0", "0", "B", "f32[batch,4]"] in rows


def test_inspect_prints_the_graph(run: Run, calls: list[Call]) -> None:
    assert run("inspect", "m.keras", "--graph").stdout == "the text\n"


@pytest.mark.parametrize(("args", "graph"), [([], None), (["--graph"], "the text")])
def test_inspect_in_json(
    run: Run, calls: list[Call], summary: ModelSummary, args: list[str], graph: str | None
) -> None:
    found = json.loads(run("inspect", "m.keras", "--json", *args).stdout)
    assert found.pop("graph", None) == graph
    assert found == json.loads(json.dumps(summary.to_json()))


@pytest.mark.parametrize("option", ["--graph", "--optimize"])
def test_an_artifact_has_no_graph(run: Run, option: str) -> None:
    result = run("inspect", "model.onnx", option)
    assert result.exit_code == 3
    assert "--graph and --optimize are for models" in result.stderr


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], {}),
        (["--backend", "jax", "--device", "gpu:1"], {"backend": "jax", "device": "gpu:1"}),
        (["--timeout", "9"], {"timeout": 9}),
        (["--inputs", "s.npz", "--layers"], {"samples": Path("s.npz"), "layers": True}),
        (["--dim", "batch=2", "--trust", "--custom", "a"], {"dims": {"batch": 2}, "trust": True, "custom": ("a",)}),
    ],
)
def test_reference_passes_its_options(run: Run, calls: list[Call], args: list[str], expected: dict[str, Any]) -> None:
    assert run("reference", "m.keras", "-o", "r.safetensors", *args).exit_code == 0
    defaults = MODEL | {"backend": None, "device": "auto", "samples": None, "layers": False, "timeout": 1800}
    assert calls == [("record_reference", ("m.keras", Path("r.safetensors")), defaults | expected)]


def test_reference_says_where_it_ran(run: Run, calls: list[Call]) -> None:
    assert run("reference", "m.keras").stdout == "reference.safetensors: 4 batches on jax gpu\n"
    assert json.loads(run("reference", "m.keras", "--json").stdout) == {"batches": 4}
    assert run("reference", "m.keras", "-q").output == ""
