"""Tries a built wheel in a bare environment: `python -m tests.install.wheel FILE.whl`, a part of `make dist`.

The help and the doctor run without any extra, and the check of a bundle with the extra onnx.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.install.environment import installed_environment
from tests.replay.dist import write_dist

BASE = ("--help", "doctor")
"""What an install without extras runs."""
WITH_ENGINE = ("verify dist", "bundle dist -o check.zip", "verify check.zip")
"""What an install with the extra onnx runs, in this order, where `dist` holds an ONNX file."""


def check(wheel: Path, folder: Path) -> list[str]:
    """Run every line; returns those that failed, each with what it printed."""
    write_dist(folder / "dist", ("onnx",))
    base = installed_environment(wheel, folder / "base")
    engine = installed_environment(wheel, folder / "engine", ["onnx"])
    failed = [run(base, folder, line) for line in BASE]
    failed += [run(engine, folder, line) for line in WITH_ENGINE]
    failed.append(done_or_said([str(engine), "check.zip"], folder))
    return [text for text in failed if text]


def run(python: Path, folder: Path, line: str) -> str:
    """Run `kexport LINE`; returns nothing, or what it printed if it failed."""
    return done_or_said([str(python), "-m", "kexport", *line.split()], folder)


def done_or_said(command: list[str], folder: Path) -> str:
    """Run a command; returns nothing, or the command and what it printed if it failed."""
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=300, env=environment
    )
    shown = " ".join(command[1:])
    return f"{shown}: exit code {done.returncode}\n{done.stdout}{done.stderr}" if done.returncode else ""


def main() -> int:
    """Check the wheel that the command line names; the exit code is 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    wheel = parser.parse_args().wheel.resolve()
    with tempfile.TemporaryDirectory() as name:
        failed = check(wheel, Path(name))
    print("\n".join(failed) or f"{wheel.name}: its help, its doctor and the check of a bundle run")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
