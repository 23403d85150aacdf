"""`python check.zip`: checks a bundle with only the standard library, NumPy and an engine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from kexport.cli.noise import without_noise
from kexport.cli.plain import plain_streams
from kexport.cli.render import COLUMNS, artifact_row, report_lines
from kexport.cli.signals import Ended, ended_by_signals
from kexport.cli.values import read_tolerances
from kexport.deadline import process_is_ours
from kexport.errors import KexportError
from kexport.printable import indented, json_text, one_line

MAX_SECONDS = 1e8
"""Three years: a bound that every system's timers accept."""
USAGE = 3
BUG = 70
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        self.exit(USAGE, f"{self.format_usage()}error: {message}\n")


def main(bundle: str, args: Sequence[str]) -> int:
    """Check a bundle and print the verdicts; return the exit code."""
    with plain_streams(), process_is_ours():
        return _main(bundle, args)


def _main(bundle: str, args: Sequence[str]) -> int:
    given = _parser(bundle).parse_args(args)
    try:
        with ended_by_signals(), nullcontext() if given.debug else without_noise():
            return _check(bundle, given)
    except KexportError as e:
        failure = {"kind": type(e).__name__, "what": e.what, "code": e.exit_code, "where": e.where, "hint": e.hint}
    except Ended as e:
        failure = {"kind": "Interrupted", "what": f"ended by {e}", "code": e.exit_code}
    except KeyboardInterrupt:
        failure = {"kind": "Interrupted", "what": "interrupted", "code": INTERRUPTED}
    except Exception as e:
        if given.debug:
            raise
        failure = {"kind": "Bug", "what": f"{type(e).__name__}: {e}", "code": BUG, "hint": "run it with --debug"}
    return _refuse({k: v for k, v in failure.items() if v is not None}, given.json)


def _parser(bundle: str) -> argparse.ArgumentParser:
    parser = _Parser(f"python {bundle}", description="Runs the artifacts in this file and compares them with Keras.")
    parser.add_argument("--tolerance", action="append", default=[], metavar="[OUTPUT=]ERROR", help="allowed error")
    parser.add_argument(
        "--timeout", type=_seconds, default=300, metavar="SECONDS", help="for reading, and for each runtime"
    )
    parser.add_argument(
        "--require", action="append", default=[], metavar="LEVEL[:TARGET,...]", help="verified, simulated or valid"
    )
    parser.add_argument("--browser", action="store_true", help="in a headless Chrome or Chromium, too")
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= MAX_SECONDS:
        raise ValueError(text)
    return value


def _check(bundle: str, given: argparse.Namespace) -> int:
    from kexport.workflows.verifying import verify

    def show(stage: str, detail: str, fraction: float | None) -> None:
        if not given.quiet:
            print(one_line(f"{stage} {detail}"), file=sys.stderr)

    how = {"timeout": given.timeout, "browser": given.browser, "require": given.require, "progress": show}
    report = verify(bundle, tolerance=read_tolerances(given.tolerance), **how)
    if given.json:
        print(json_text(report.to_json()))
    elif not given.quiet:
        for row in _aligned([list(COLUMNS), *(list(map(one_line, artifact_row(a))) for a in report.artifacts)]):
            print(row)
        print(*report_lines(report), sep="\n")
    return report.exit_code


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _refuse(failure: dict[str, Any], data: bool) -> int:
    where = failure.get("where")
    hint = failure.get("hint")
    what = indented(failure["what"])
    print(f"error: {one_line(where)}: {what}" if where else f"error: {what}", file=sys.stderr)
    if hint:
        print(f"  hint: {indented(hint)}", file=sys.stderr)
    if data:
        print(json_text({"error": failure}))
    code: int = failure["code"]
    return code
