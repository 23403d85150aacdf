"""A throw-away sshd on this machine, with its own keys: another machine for tests."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAM = shutil.which("sshd") or next(
    (p for p in ("/usr/sbin/sshd", "/usr/local/sbin/sshd") if Path(p).exists()), None
)
TOOLS = ("ssh", "ssh-keygen")
_WAIT = 10.0
_EMPTY = Path("/run/sshd")
"""The folder that Debian's sshd wants where it separates privileges, which it does for root."""


def missing() -> str | None:
    """Why there can be none here; None if there can."""
    lacking = [name for name in TOOLS if shutil.which(name) is None] + ([] if PROGRAM else ["sshd"])
    return f"there is no {' and no '.join(lacking)} here" if lacking else None


@dataclass(frozen=True)
class Sshd:
    """One that runs: its address, the configuration with which ssh gets in, and its folder for temporary files."""

    url: str
    config: Path
    temporary: Path


@contextmanager
def running(folder: Path) -> Iterator[Sshd]:
    """An sshd that takes one key, on a free port, until the block ends."""
    folder.chmod(0o700)
    if os.geteuid() == 0:
        _EMPTY.mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "id"):
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
    port = _free_port()
    (folder / "tmp").mkdir()
    (folder / "sshd_config").write_text(_server(folder, port))
    host = (folder / "host.pub").read_text().split()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host[0]} {host[1]}\n")
    (folder / "config").write_text(_client(folder))
    assert PROGRAM
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log)
    try:
        _wait_for(port, process, folder / "log")
        yield Sshd(f"ssh://{getpass.getuser()}@127.0.0.1:{port}", folder / "config", folder / "tmp")
    finally:
        process.terminate()
        process.wait(10)


def _server(folder: Path, port: int) -> str:
    lines = {
        "ListenAddress": "127.0.0.1",
        "Port": port,
        "HostKey": folder / "host",
        "PidFile": "none",
        "AuthorizedKeysFile": folder / "id.pub",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "UsePAM": "no",
        "StrictModes": "no",
        "PermitRootLogin": "prohibit-password",
        "SetEnv": f"TMPDIR={folder / 'tmp'}",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _client(folder: Path) -> str:
    return (
        f"IdentityFile {folder / 'id'}\nIdentitiesOnly yes\nBatchMode yes\n"
        f"UserKnownHostsFile {folder / 'known_hosts'}\nGlobalKnownHostsFile none\nStrictHostKeyChecking yes\n"
    )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _WAIT
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"sshd did not start: {log.read_text()}")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
