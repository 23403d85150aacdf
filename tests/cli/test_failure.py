"""Every exception becomes one message without a traceback, and one exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kexport.errors import (
    CaptureError,
    ConfigError,
    EmitError,
    GraphError,
    Unsupported,
    UnsupportedError,
    VerifyError,
)
from tests.cli.conftest import Run

Raising = Callable[[BaseException], None]

NO_EXIT = "remove the call of sys.exit from the model's module"
ERRORS = [
    (
        CaptureError("cannot load", where="m.keras", hint="give --trust"),
        2,
        "error: m.keras: cannot load\n  hint: give --trust\n",
    ),
    (GraphError("wrong types"), 2, "error: wrong types\n"),
    (EmitError("too large"), 2, "error: too large\n"),
    (VerifyError("damaged"), 1, "error: damaged\n"),
    (ConfigError("no such target"), 3, "error: no such target\n"),
    (SystemExit(0), 2, f"error: code that was loaded ended the process with 0\n  hint: {NO_EXIT}\n"),
    (KeyboardInterrupt(), 130, "\nerror: interrupted\n"),
    (MemoryError(), 2, "error: there is not enough memory\n"),
    (PermissionError(13, "Permission denied", "dist"), 2, "error: dist: Permission denied\n"),
]


@pytest.mark.parametrize(("error", "code", "message"), ERRORS, ids=lambda v: type(v).__name__)
def test_errors(run: Run, raising: Raising, error: BaseException, code: int, message: str) -> None:
    raising(error)
    result = run("export", "m.keras")
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", message)


def test_all_unsupported_nodes_are_listed(run: Run, raising: Raising) -> None:
    items = [Unsupported("encoder/a", "fft", "no such op"), Unsupported("encoder/b", "qr", "no such op")]
    raising(UnsupportedError(items, hint="another target may do"))
    result = run("export", "m.keras", "--json")
    assert result.exit_code == 2
    assert (
        "2 operations are not supported:\n  encoder/a: fft: no such op\n  encoder/b: qr: no such op\n" in result.stderr
    )
    assert json.loads(result.stdout)["error"]["items"] == [i._asdict() for i in items]


def test_a_bug_says_how_to_report_it(run: Run, raising: Raising) -> None:
    raising(ZeroDivisionError("division by zero"))
    result = run("export", "m.keras")
    assert result.exit_code == 70
    assert result.stderr.startswith("error: ZeroDivisionError: division by zero\n  hint: this is a bug in kexport")
    assert "kexport doctor" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("args", [("export", "m.keras", "--debug"), ("--debug", "export", "m.keras")])
@pytest.mark.parametrize(("error", "code"), [(ZeroDivisionError("x"), 70), (CaptureError("cannot load"), 2)])
def test_debug_shows_the_traceback(
    run: Run, raising: Raising, args: tuple[str, ...], error: Exception, code: int
) -> None:
    raising(error)
    result = run(*args)
    assert result.exit_code == code
    assert "Traceback (most recent call last):" in result.stderr


def test_an_error_in_json(run: Run, raising: Raising) -> None:
    raising(CaptureError("cannot load", where="m.keras", hint="give --trust"))
    result = run("export", "m.keras", "--json")
    assert json.loads(result.stdout) == {
        "error": {"kind": "CaptureError", "what": "cannot load", "code": 2, "where": "m.keras", "hint": "give --trust"}
    }


def test_quiet_still_prints_errors(run: Run, raising: Raising) -> None:
    raising(CaptureError("cannot load"))
    assert run("export", "m.keras", "-q").stderr == "error: cannot load\n"


def test_markup_in_a_message_is_text(run: Run, raising: Raising) -> None:
    raising(CaptureError("shape [bold] of f32[batch,3]"))
    assert run("export", "m.keras").stderr == "error: shape [bold] of f32[batch,3]\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["bogus"], "there is no command 'bogus'"),
        (["verfy"], "did you mean 'verify'? commands: export, verify, "),
        (["model.keras"], "to export a model: kexport export model.keras; commands: "),
        (["export", "m", "--laers"], "--layers"),
        (["export", "m", "--to", "onxn"], "did you mean 'onnx'? targets: "),
        (["export", "m", "-O", "onnx.opsett=18"], "did you mean 'opset'? its options: "),
        (["export", "m", "-O", "coreml.deployment=ios17.0"], "did you mean ios17"),
        (["export", "m", "-O", "onxn.opset=18"], "did you mean 'onnx'? targets: "),
        (["doctor", "--install", "tfsj"], "did you mean 'tfjs'? targets: "),
        (["export"], "Missing argument 'MODEL'"),
        (["export", "m", "--bogus"], "No such option '--bogus'"),
        (["export", "m", "--to"], "requires an argument"),
        (["export", "m", "--timeout", "0"], "Invalid value for '--timeout'"),
        (["export", "m", "--dim", "batch"], "--dim: 'batch' is not of the form NAME=VALUE"),
        (["export", "m", "--dim", "batch=0"], "--dim batch=0: '0' is no size and no name"),
        (["export", "m", "--tolerance", "a=b"], "--tolerance a=b: 'b' is no tolerance"),
        (["export", "m", "-O", "onnx.opset"], "-O: 'onnx.opset' is not of the form NAME=VALUE"),
        (["reference", "m", "--backend", "theano"], "Invalid value for '--backend'"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
    ],
)
def test_a_wrong_command_line_is_exit_code_3(run: Run, args: list[str], message: str) -> None:
    result = run(*args)
    assert result.exit_code == 3
    assert message in result.stderr
    assert result.stdout == ""


def test_no_arguments_show_the_help(run: Run) -> None:
    result = run()
    assert result.exit_code == 3
    assert "Commands:" in result.stderr


def test_a_closed_pipe_is_no_error(root: Path) -> None:
    code = "import sys, kexport.cli.main as m; sys.argv = ['kexport', 'completion', 'bash']; input(); m.main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stdin.write(b"\n")
    process.stdin.close()
    stderr = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), stderr) == (141, b"")
