"""Runs a module of ours in a process of its own, on a folder, with a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from kexport.lifeline import leashed

TAIL = 600
"""Characters kept of the end of a process's output."""


def run_module(
    module: str,
    folder: Path,
    timeout: float | None,
    env: Mapping[str, str] | None = None,
    import_from: Sequence[Path] = (),
) -> int | None:
    """Run `python -m module folder`; return its exit code, or None after the time limit, with its process group ended.

    The child imports from where this process does, and from `import_from`; what it prints goes to `folder/log`. `env`
    changes variables of the child alone. The child ends with this process, even if that is killed.
    """
    with (folder / "log").open("wb") as log:
        process = start_module(module, folder, log, env=env, import_from=import_from)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        finally:
            end_group(process)


def start_module(
    module: str,
    folder: Path,
    log: IO[bytes],
    *,
    talk: bool = False,
    arguments: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    import_from: Sequence[Path] = (),
) -> subprocess.Popen[bytes]:
    """Start `python -m module folder`, with its output in `log`; with `talk`, stdin and stdout are pipes.

    `arguments` replace the folder.
    """
    paths = os.pathsep.join([*(p for p in sys.path if p), *map(str, import_from)])
    return subprocess.Popen(
        leashed([sys.executable, "-m", module, *(arguments or [str(folder)])]),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, **(env or {})},
        stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
        stdout=subprocess.PIPE if talk else log,
        stderr=log,
        start_new_session=True,
    )


def last_words(folder: Path) -> str:
    """Return the end of the process's output, after a colon; empty if it printed nothing."""
    text = (folder / "log").read_text(errors="replace").strip()
    return f": …{text[-TAIL:]}" if len(text) > TAIL else f": {text}" if text else ""


def signal_name(code: int) -> str:
    """Name the signal of a negative exit code."""
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and, where there are process groups, what it started."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except ProcessLookupError:
        return
    finally:
        process.wait()
