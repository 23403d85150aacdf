"""Runs commands on damaged documents one after the other, and prints what became of each; watched for what it touches.

usage: python -m tests.fuzz.document_worker FOLDER SEED COUNT
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kexport.cli import replay
from kexport.cli.main import cli
from kexport.engines.runner import RunResult
from kexport.evidence.graph_archive import load_graph
from kexport.replay.serve import serving
from tests.fuzz.document_files import bases, mutants
from tests.fuzz.keras_worker import Watch, say

MEMORY = 8 << 30
"""Bytes of address space: nothing in a small file is worth more."""
EXPECTED = (0, 1, 2, 3)
"""The exit codes of commands that end as they should."""
SECONDS = 20.0
"""What a command may take; engines are not among it."""


def no_engine(*_: Any, **__: Any) -> RunResult:
    """Stands for the engines, which run in processes of their own."""
    return RunResult("not applicable", "no engine runs here")


def roads(kind: str, path: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What is done with a document, by the words of the command."""
    out = str(path.parent / "out.html")
    yield f"report {kind}", lambda: command("report", str(path), "-o", out)
    yield "verify", lambda: command("verify", str(path), "--json")
    yield "bundle", lambda: command("bundle", str(path), "-o", str(path.parent / "again.zip"))
    yield "serve", lambda: served(path)
    if path.suffix == ".zip":
        yield "python check.zip", lambda: replay.main(str(path), ["--json"])
    if kind == "graph":
        yield "graph", lambda: load_graph(path / "net.graph.safetensors")


def command(*args: str) -> int:
    """The exit code of `kexport ARGS`."""
    try:
        cli.main(args)
    except SystemExit as e:
        return int(e.code or 0)
    raise AssertionError("a command ends by an exit code")


def served(path: Path) -> int:
    """Read what `serve` reads, without a server."""
    with serving(path):
        return 0


class NoServer:
    """Stands for the server, which listens."""

    def __init__(self, *_: Any):
        self.url = ""

    def close(self) -> None:
        """There is nothing to close."""


class DocumentWatch(Watch):
    """Lets folders be removed, whose parts are opened by their names alone."""

    def _is_harmless(self, path: Any, mode: Any, flags: Any) -> bool:
        part = mode is None and os.sep not in str(path) and not (flags or 0) & (os.O_WRONLY | os.O_RDWR)
        return part or super()._is_harmless(path, mode, flags)


def outcome_of(kind: str, path: Path) -> str:
    """What became of a document; the road that ends as none should is named."""
    from kexport.errors import KexportError

    codes: set[int] = set()
    for name, road in roads(kind, path):
        said = io.StringIO()
        started = time.monotonic()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                code = road()
        except KexportError as e:
            code = e.exit_code
            str(e)
        except BaseException as e:  # noqa: BLE001  that is what is looked for
            if os.environ.get("FUZZ_TRACE"):
                traceback.print_exc()
            place = traceback.extract_tb(e.__traceback__)[-1]
            return f"FAILED {name}: {type(e).__name__}: {str(e)[:200]!r} at {place.filename}:{place.lineno}"
        code = code if isinstance(code, int) else 0
        codes.add(code)
        if code not in EXPECTED or time.monotonic() - started > SECONDS:
            return f"FAILED {name}: exit {code} after {time.monotonic() - started:.1f} s: {said.getvalue()[-300:]!r}"
    return "exit " + ",".join(map(str, sorted(codes)))


def main(folder: Path, seed: int, count: int) -> None:
    """Read `count` mutants and print a line for each: its name, what became of it, and how long that took."""
    importlib.import_module("kexport.workflows.verifying").runner_here = lambda: no_engine  # type: ignore[attr-defined]
    importlib.import_module("kexport.replay.serve").Server = NoServer  # type: ignore[attr-defined]
    (folder / "warm").mkdir()
    warm = bases(folder / "warm")
    for kind, path in (("graph", warm), ("bundle", warm.parent / "check.zip")):
        found = outcome_of(kind, path)
        assert "FAILED" not in found, found
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    watch = DocumentWatch(folder)
    sys.addaudithook(watch)
    for name, kind, path in mutants(seed, folder, count):
        say(f"begin {name}")
        started = time.monotonic()
        watch.on = True
        outcome = outcome_of(kind, path)
        watch.on = False
        touched = f" TOUCHED {watch.found}" if watch.found else ""
        watch.found.clear()
        say(f"end {name}: {outcome}{touched} in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
