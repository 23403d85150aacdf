"""What a file says reaches no terminal as a command to it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

import kexport.workflows
from kexport.cli import replay
from kexport.cli.main import cli
from kexport.cli.noise import without_noise
from kexport.cli.plain import Plain, plain_streams
from kexport.cli.render import print_table, stderr, stdout
from kexport.errors import CaptureError, KexportError, Unsupported, UnsupportedError, VerifyError
from kexport.printable import indented, json_text, one_line, printable
from kexport.workflows import ModelSummary
from kexport.workflows.inspecting import LayerSummary
from tests.cli.conftest import Run
from tests.cli.fakes import FakeReport

EVIL = "a\x1b[31mred\x1b]0;title\x07\rover\x08\x9b2J\x7f\u202eright\u2066\u200f\u2028\ud83d!"
SHOWN = r"a\x1b[31mred\x1b]0;title\x07\rover\x08\x9b2J\x7f\u202eright\u2066\u200f\u2028\ud83d!"
HARMLESS = "encoder/β_1 → 図 😀 é\tx"


def controls(text: str) -> list[str]:
    return [c for c in text if (not c.isprintable() and c not in "\n\t ") or c in "\u202e\u2066\u200f\u2028"]


def test_the_function() -> None:
    assert printable(EVIL) == SHOWN
    assert printable(HARMLESS + "\n") == HARMLESS + "\n"
    assert one_line("a\nb\tc") == r"a\nb\tc"
    assert indented("what\nverified\n    ^\n\x1bend") == "what\n  verified\n    ^\n  \\x1bend"


def test_json_says_the_same_in_its_own_escapes() -> None:
    text = json_text({EVIL: [EVIL, HARMLESS]})
    assert controls(text) == []
    assert "図 😀" in text
    assert json.loads(text) == {EVIL: [EVIL, HARMLESS]}


@pytest.mark.parametrize("kind", [CaptureError, VerifyError])
def test_errors(run: Run, raising: Callable[[BaseException], None], kind: type[KexportError]) -> None:
    raising(kind(f"{EVIL}\nmodel: 5 verified", where=f"{EVIL}\nerror", hint=f"{EVIL}\nverified"))
    result = run("export", "m.keras", "--json")
    assert controls(result.stderr) == controls(result.stdout) == []
    assert f"error: {SHOWN}\\nerror: {SHOWN}\n  model: 5 verified\n  hint: {SHOWN}\n  verified\n" == result.stderr
    assert json.loads(result.stdout)["error"]["where"] == f"{EVIL}\nerror"


def test_errors_that_are_none_of_ours(run: Run, raising: Callable[[BaseException], None]) -> None:
    for error in (ZeroDivisionError(EVIL), OSError(5, EVIL, EVIL), OSError(5, "no", b"\xff\x1b"), OSError(5, "no", 7)):
        raising(error)
        result = run("export", "m.keras", "--debug")
        assert controls(result.stderr) == [], error


def test_unsupported_layers(run: Run, raising: Callable[[BaseException], None]) -> None:
    raising(UnsupportedError([Unsupported(f"{EVIL}\nx", "op", "no\nverified")]))
    result = run("export", "m.keras")
    assert f"\n  {SHOWN}\\nx: op: no\\nverified\n" in result.stderr


def test_a_wrong_command_line(run: Run) -> None:
    for args in (("export", f"--{EVIL}"), (EVIL,), ("inspect", EVIL), ("verify", EVIL), ("report", EVIL)):
        result = run(*args)
        assert controls(result.stderr + result.stdout) == []
        assert result.exit_code == 3


def test_reports(run: Run, report: FakeReport, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = replace(report.artifacts[0], path=f"{EVIL}\n", reason=f"{EVIL}\nm: 5 verified", runtime=EVIL)
    monkeypatch.setattr(
        kexport.workflows,
        "verify",
        lambda *_, **__: replace(report, name=EVIL, artifacts=(bad,), notes=(f"{EVIL}\nx",)),
    )
    result = run("verify", "dist")
    assert controls(result.stdout + result.stderr) == []
    assert "\nm: 5" not in result.stdout
    assert "\n  m: 5 verified" in result.stdout
    assert controls(run("verify", "dist", "--json").stdout) == []


def test_layers(run: Run, summary: ModelSummary, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = LayerSummary(f"{EVIL}\nother", [EVIL], 1, 4, EVIL)
    evil = replace(summary, name=EVIL, layers=(layer,), text=f"graph {EVIL}")
    monkeypatch.setattr(kexport.workflows, "inspect_model", lambda *_, **__: evil)
    for args in ((), ("--graph",), ("--json",), ("--graph", "--json")):
        assert controls(run("inspect", "m.keras", *args).stdout) == []


def test_progress(run: Run, report: FakeReport, monkeypatch: pytest.MonkeyPatch) -> None:
    def export(*_: object, progress: Callable[..., None], **__: object) -> FakeReport:
        progress("verify", f"{EVIL}\nx", None)
        return report

    monkeypatch.setattr(kexport.workflows, "export", export)
    assert f"verify {SHOWN}\\nx\n" in run("export", "m.keras").stderr


def test_what_others_print(capfd: pytest.CaptureFixture[str]) -> None:
    with plain_streams(), without_noise():
        print(EVIL[:-2])  # noqa: T201
        print(EVIL[:-2], file=sys.stderr)  # noqa: T201
        sys.stderr.writelines([EVIL[:-2]])
    found = capfd.readouterr()
    assert controls(found.out + found.err) == []
    assert found.err.count("over") == 2


def test_what_native_code_prints(capfd: pytest.CaptureFixture[str]) -> None:
    descriptor = sys.stderr.fileno()
    with without_noise():
        os.write(descriptor, b"\x1b[31m bad \xff\xc2\x9b\n")
    assert capfd.readouterr().err == "\\x1b[31m bad \\xff\\x9b\n"


def test_our_own_colours_stay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with plain_streams():
        stderr().print("[bold red]error:[/] [b]\x1b[2J")
        stdout().print("[green]good[/]")
        print_table(("status",), [["verified\x1b"]])
    found = capsys.readouterr()
    assert found.err.startswith("\x1b[1;31merror:\x1b[0m")
    assert "\\x1b[2J" in found.err
    assert "\x1b[32mgood" in found.out
    assert "verified\\x1b" in found.out


def test_bytes_cannot_pass(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Plain(Plain(sys.stdout))
    assert stream.stream is sys.stdout
    stream.buffer.write(b"\x1b[2J\xff")
    stream.buffer.flush()
    assert capsys.readouterr().out == "\\x1b[2J\\xff"
    with pytest.raises(TypeError):
        stream.write(b"\x1b")  # type: ignore[arg-type]


def test_streams_are_put_back() -> None:
    before = sys.stdout, sys.stderr
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert (sys.stdout, sys.stderr) == before


def test_a_bundle_on_a_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "\x1b[2J.zip"
    path.write_bytes(b"none")
    for args in ([], ["--json"]):
        assert replay.main(str(path), args) == 1
        found = capsys.readouterr()
        assert controls(found.out + found.err) == []
        assert "\\x1b[2J.zip: not a bundle" in found.err


def test_junit_and_plots() -> None:
    from kexport.proof.junit import junit_xml
    from kexport.verify.status import Status, Verdict

    verdict = Verdict(EVIL[:-2], "onnx", "r", None, "", "", Status.FAILED, EVIL[:-2])
    text = junit_xml("m", [verdict], ["y"])
    assert controls(text) == []
    assert ElementTree.fromstring(text.encode()) is not None
