"""Raspberry Pis without one: `python -m tests.replay.pi build/pi` (or `make pi`) makes build/pi/pi3, pi4 and pi5.

Each is a Python for 64-bit Arm under QEMU's emulation of user programs, with the processor of that board, NumPy, LiteRT
and ONNX Runtime. It needs Debian 12 with qemu-user-static and the package registries; nothing has to be mounted or
registered, and nothing outside of the folder changes. Emulated programs cannot start others.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

QEMU = "qemu-aarch64-static"
PYTHON = "3.11"
DEBS = (
    f"python{PYTHON}-minimal", f"libpython{PYTHON}-minimal", f"libpython{PYTHON}-stdlib", "libc6", "libgcc-s1",
    "libstdc++6", "libgomp1", "zlib1g", "libexpat1", "libffi8", "libbz2-1.0", "liblzma5", "libssl3", "libcrypt1",
    "libuuid1", "libsqlite3-0", "libncursesw6", "libtinfo6", "libreadline8",
)  # fmt: skip
SAME = ("numpy", "ml_dtypes", "flatbuffers", "protobuf", "ai-edge-litert", "onnxruntime", "packaging", "tqdm")
"""What is installed there, in the versions that are installed here."""
MORE = ("backports.strenum<1.3", "typing_extensions")
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")


@dataclass(frozen=True)
class Board:
    """One board: its name, its processor as QEMU calls it, and what Linux says of that processor."""

    model: str
    processor: str
    part: str
    features: str

    def cpuinfo(self) -> str:
        """What /proc/cpuinfo says; without it the engines read that of this machine, and crash."""
        fields = {
            "processor": "0",
            "BogoMIPS": "108.00",
            "Features": self.features,
            "CPU implementer": "0x41",
            "CPU architecture": "8",
            "CPU variant": "0x0",
            "CPU part": self.part,
            "CPU revision": "3",
        }
        return "".join(f"{name}\t: {value}\n" for name, value in fields.items()) + "\n"


_OLDER = "fp asimd evtstrm crc32 cpuid"
_NEWER = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
BOARDS = {
    "pi3": Board("Raspberry Pi 3 Model B (emulated)", "cortex-a53", "0xd03", _OLDER),
    "pi4": Board("Raspberry Pi 4 Model B (emulated)", "cortex-a72", "0xd08", _OLDER),
    "pi5": Board("Raspberry Pi 5 Model B (emulated)", "cortex-a76", "0xd0b", _NEWER),
}


def make(folder: Path) -> None:
    """Fetch and unpack what the boards share, then set up each."""
    folder = folder.absolute()
    system = folder / "system"
    site = folder / "site"
    for place in (folder / "debs", folder / "wheels", system):
        place.mkdir(parents=True, exist_ok=True)
    _fetch_debs(folder)
    for deb in sorted((folder / "debs").glob("*.deb")):
        _run("dpkg-deb", "-x", deb, system)
    _fetch_wheels(folder / "wheels")
    shutil.rmtree(site, ignore_errors=True)
    for wheel in sorted((folder / "wheels").glob("*.whl")):
        shutil.unpack_archive(wheel, site, "zip")
    for name, board in BOARDS.items():
        _set_up(folder, name, board)


def _fetch_debs(folder: Path) -> None:
    lists = folder / "apt"
    (lists / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (lists / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    (lists / "status").touch()
    settings = {
        "Dir::State::lists": lists / "lists",
        "Dir::State::status": lists / "status",
        "Dir::Cache": lists,
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",
    }
    options = [f"-o{name}={value}" for name, value in settings.items()]
    _run("apt-get", *options, "update", "-qq")
    _run("apt-get", *options, "download", "-qq", *DEBS, cwd=folder / "debs")


def _fetch_wheels(folder: Path) -> None:
    wanted = [*(f"{name}=={version(name)}" for name in SAME), *MORE]
    platforms = [f"--platform={name}" for name in PLATFORMS]
    options = ("--no-deps", "--only-binary=:all:", f"--python-version={PYTHON}", "--implementation=cp", "--quiet")
    _run(sys.executable, "-m", "pip", "download", *options, *platforms, "-d", folder, *wanted)


def _set_up(folder: Path, name: str, board: Board) -> None:
    """A root of links with files in /proc of its own, and a program that runs Python there."""
    root = folder / "boards" / name
    (root / "proc" / "device-tree").mkdir(parents=True, exist_ok=True)
    (root / "proc" / "cpuinfo").write_text(board.cpuinfo())
    (root / "proc" / "device-tree" / "model").write_text(board.model + "\0")
    for part in ("usr", "lib", "etc"):
        (root / part).unlink(missing_ok=True)
        (root / part).symlink_to(folder / "system" / part)
    program = folder / name
    program.write_text(
        f"#!/bin/sh\nexec {QEMU} -cpu {board.processor} -L '{root}' -E PYTHONHOME=/usr -E 'PYTHONPATH={folder}/site' "
        f"'{root}/usr/bin/python{PYTHON}' \"$@\"\n"
    )
    program.chmod(0o755)


def _run(*command: str | Path, cwd: Path | None = None) -> None:
    subprocess.run(command, check=True, cwd=cwd)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
