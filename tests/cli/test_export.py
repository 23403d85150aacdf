"""`kexport export` and `verify`: what the options become, and what is printed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kexport.cli.main import cli
from tests.cli.conftest import Call, Run
from tests.cli.fakes import FakeReport

DEFAULTS = {
    "to": None,
    "out": "dist",
    "name": None,
    "dims": {},
    "trust": False,
    "custom": (),
    "example": None,
    "replace": {},
    "architecture": None,
    "signature": None,
    "verify": True,
    "layers": False,
    "keep": False,
    "strict": False,
    "require": (),
    "samples": None,
    "only_samples": False,
    "reference": None,
    "tolerance": None,
    "quantize": None,
    "calibrate": None,
    "min_snr": None,
    "min_agreement": None,
    "budget": None,
    "options": {},
    "timeout": 600,
}


def test_defaults(run: Run, calls: list[Call]) -> None:
    assert run("export", "m.keras").exit_code == 0
    assert calls == [("export", ("m.keras",), DEFAULTS)]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--to", "onnx"], {"to": ["onnx"]}),
        (["--to", "onnx,tflite", "--to", "onnx"], {"to": ["onnx", "tflite"]}),
        (["-o", "out", "--name", "tiny"], {"out": "out", "name": "tiny"}),
        (["--dim", "batch=1", "--dim", "ids:1=length"], {"dims": {"batch": 1, "ids:1": "length"}}),
        (["--trust", "--custom", "a.b", "--custom", "c"], {"trust": True, "custom": ("a.b", "c")}),
        (["--signature", "serve", "--no-verify"], {"signature": "serve", "verify": False}),
        (["--layers"], {"layers": True}),
        (["--keep", "--strict"], {"keep": True, "strict": True}),
        (["--require", "valid", "--require", "verified:onnx"], {"require": ("valid", "verified:onnx")}),
        (["--reference", "r.safetensors"], {"reference": "r.safetensors"}),
        (["--inputs", "s.npz", "--timeout", "9"], {"samples": Path("s.npz"), "timeout": 9}),
        (["--inputs", "s.npz", "--only-inputs"], {"samples": Path("s.npz"), "only_samples": True}),
        (["--replace", "l=x*2", "--model", "m:f"], {"replace": {"l": "x*2"}, "architecture": "m:f"}),
        (["--tolerance", "probs=1e-3", "--tolerance", "0.5"], {"tolerance": {"probs": 1e-3, "*": 0.5}}),
    ],
)
def test_options_become_arguments(run: Run, calls: list[Call], args: list[str], expected: dict[str, Any]) -> None:
    assert run("export", "m.keras", *args).exit_code == 0
    assert calls == [("export", ("m.keras",), DEFAULTS | expected)]


def test_verify_passes_its_options(run: Run, calls: list[Call]) -> None:
    args = ["--name", "tiny", "--reference", "r.safetensors", "--timeout", "5", "--tolerance", "1e-2", "--browser"]
    assert run("verify", "dist", *args).exit_code == 0
    expected = {"name": "tiny", "reference": "r.safetensors", "timeout": 5, "tolerance": {"*": 1e-2}, "browser": True}
    expected |= {"require": ()}
    assert calls == [("verify", ("dist",), expected)]


def test_the_table_has_every_column(run: Run, calls: list[Call]) -> None:
    lines = run("export", "m.keras").stdout.splitlines()
    for heading in ("target", "file", "size", "status", "runtime", "max error", "SNR", "argmax", "seconds"):
        assert heading in lines[0]
    onnx = next(line for line in lines if line.startswith("onnx"))
    cells = ("dist/digits.onnx", "359.0 kB", "verified", "onnxruntime-cpu 1.31.1", "1.2e-07", "131.4 dB", "100.00%")
    for cell in cells:
        assert cell in onnx
    assert next(line for line in lines if line.startswith("tflite ")).split().count("-") == 4
    assert "tflite: ai-edge-litert is not installed" in lines
    assert "the batch is dynamic" in lines
    assert lines[-1] == "digits: 1 verified, 1 valid"


def test_progress_is_on_stderr_once_a_stage(run: Run, calls: list[Call]) -> None:
    assert run("export", "m.keras").stderr.splitlines() == ["capture digits", "verify onnx"]


@pytest.mark.parametrize("command", ["export", "verify"])
def test_quiet_prints_nothing(run: Run, calls: list[Call], command: str) -> None:
    assert run(command, "x", "-q").output == ""


@pytest.mark.parametrize("command", ["export", "verify"])
def test_json_is_one_document(run: Run, calls: list[Call], report: FakeReport, command: str) -> None:
    result = run(command, "x", "--json")
    assert json.loads(result.stdout) == json.loads(json.dumps(report.to_json()))
    assert "capture digits" in result.stderr


def test_a_failed_verification_is_exit_code_1(run: Run, monkeypatch: pytest.MonkeyPatch, report: FakeReport) -> None:
    failed = dataclasses.replace(report, exit_code=1)
    monkeypatch.setattr("kexport.workflows.verify", lambda *a, **k: failed, raising=False)
    assert run("verify", "dist").exit_code == 1


def test_a_failed_export_says_what_to_do_next(run: Run, monkeypatch: pytest.MonkeyPatch, report: FakeReport) -> None:
    broken = dataclasses.replace(report.artifacts[0], status="failed")
    failed = dataclasses.replace(report, artifacts=(broken,), exit_code=1)
    monkeypatch.setattr("kexport.workflows.export", lambda *a, **k: failed, raising=False)
    found = run("export", "m.keras", "-o", "my dist")
    assert found.exit_code == 1
    assert found.stdout.splitlines()[-1] == "to see where it goes wrong: kexport verify 'my dist' --locate"
    assert run("export", "m.keras", "-q").stdout == ""


def test_no_colours_in_a_pipe(run: Run, calls: list[Call]) -> None:
    assert "\x1b" not in run("export", "m.keras").output


@pytest.mark.parametrize(
    ("env", "coloured"), [({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)]
)
def test_colours_where_asked_for(calls: list[Call], env: dict[str, str], coloured: bool) -> None:
    result = CliRunner().invoke(cli, ["export", "m.keras"], env=env, color=True)
    assert ("\x1b[32m" in result.stdout) is coloured


def test_targets_are_completed(run: Run) -> None:
    env = {"_KEXPORT_COMPLETE": "bash_complete", "COMP_WORDS": "kexport export m --to ", "COMP_CWORD": "4"}
    assert "plain,onnx" in CliRunner().invoke(cli, [], env=env).stdout.splitlines()
