"""Compiles a file with Vela, Arm's compiler for Ethos-U NPUs, to say what of it runs there and at what cost."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kexport.errors import ConfigError, KexportError
from kexport.lifeline import leashed
from kexport.target import pip_install
from kexport.temporary import temporary_folder
from kexport_tflite.micro.outline import operator_calls

PACKAGE = "ethos-u-vela"
ACCELERATORS = (
    "ethos-u55-32",
    "ethos-u55-64",
    "ethos-u55-128",
    "ethos-u55-256",
    "ethos-u65-256",
    "ethos-u65-512",
    "ethos-u85-128",
    "ethos-u85-256",
    "ethos-u85-512",
    "ethos-u85-1024",
    "ethos-u85-2048",
)
"""What Vela compiles for."""
TIMEOUT = 300.0
"""Seconds."""
_NPU = "ethos-u"
"""The custom operator that stands for what runs on the NPU."""
_WORDS = 300
"""How many characters of Vela's last words are told."""
_KIB = 1024


@dataclass(frozen=True)
class VelaReport:
    """What Vela says of a file on one accelerator; memory is in bytes, time in seconds, as Vela estimates them."""

    accelerator: str
    version: str
    operators: int = 0
    """Of the file."""
    on_cpu: tuple[str, ...] = ()
    """Operators of the file that are left to the processor, each as often as it is."""
    cycles: int = 0
    sram: int = 0
    flash: int = 0
    seconds: float = 0.0
    problem: str = ""
    """Why Vela compiles nothing; empty if it does."""

    @property
    def share(self) -> float:
        """The part of the file's operators that runs on the NPU, from 0 to 1."""
        return 1 - len(self.on_cpu) / self.operators if self.operators and not self.problem else 0.0

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self) | {"on_cpu": list(self.on_cpu), "share": round(self.share, 4)}

    @property
    def sentence(self) -> str:
        """The report in a sentence."""
        if self.problem:
            return f"Vela {self.version} compiles nothing of it for {self.accelerator}: {self.problem}"
        left = ", ".join(f"{n}×{name}" if n > 1 else name for name, n in Counter(self.on_cpu).items())
        text = f"{self.share:.0%} of {self.operators} operators run on {self.accelerator} (Vela {self.version})"
        text += f", {self.cycles:,} cycles, {self.sram / _KIB:.0f} KiB of SRAM" if self.cycles else ""
        return f"{text}; left to the processor: {left}" if left else text


def installed() -> str | None:
    """The version that is installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return None


def require_vela() -> str:
    """The version that is installed.

    Raises:
        ConfigError: none is.
    """
    found = installed()
    if found is None:
        raise ConfigError("Vela is not installed, which the option vela asks for", hint=pip_install("mcu"))
    return found


def compile_for(path: Path, accelerator: str) -> VelaReport:
    """What Vela says of a file. That it cannot compile it is in the report.

    Raises:
        ConfigError: Vela is not installed.
    """
    head = accelerator, require_vela()
    with temporary_folder() as folder:
        command = ["-m", "ethosu.vela", str(path.absolute()), "--accelerator-config", accelerator]
        command = leashed([sys.executable, *command, "--output-dir", str(folder)])
        paths = os.pathsep.join(p for p in sys.path if p)
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": paths},
                stdin=subprocess.DEVNULL,
                check=False,
                capture_output=True,
                timeout=TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            return VelaReport(*head, problem=f"it does not end in {TIMEOUT:g} s")
        try:
            return _read(path, folder, *head)
        except (StopIteration, KexportError, ValueError, KeyError):
            words = " ".join((done.stderr or done.stdout).decode(errors="replace").split())
            return VelaReport(*head, problem=words[-_WORDS:] or f"it ends with exit code {done.returncode}")


def _read(path: Path, folder: Path, accelerator: str, found: str) -> VelaReport:
    """What Vela left in a folder: the compiled file, and a table with one row."""
    compiled = operator_calls(next(folder.glob("*_vela.tflite")))
    with next(folder.glob("*_summary_*.csv")).open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    return VelaReport(
        accelerator,
        found,
        len(operator_calls(path)),
        tuple(sorted(n for n in compiled if n != _NPU)),
        cycles=int(_number(row, "cycles_total")),
        sram=round(_number(row, "sram_memory_used") * _KIB),
        flash=round(_number(row, "off_chip_flash_memory_used") * _KIB),
        seconds=_number(row, "inference_time"),
    )


def _number(row: Mapping[str, str], column: str) -> float:
    """A number of the table; where there is nothing to count it is none."""
    value = float(row[column])
    return value if value == value else 0.0
