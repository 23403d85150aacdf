"""Reads an HDF5 file in another process first: a hostile file can make the library crash or run forever.

The process is started once and asked for each file: a line of JSON with the path, the member of a .keras file or null,
and a limit in seconds; it answers with a line of JSON, what is wrong or null. It ends with its input.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kexport.capture.sources.frameworks import INSTALL
from kexport.capture.sources.hdf5_check import check_hdf5, damaged, read_all
from kexport.errors import CaptureError, ConfigError
from kexport.lifeline import leashed

SECONDS = 30
BYTES_A_SECOND = 20 << 20
MEMORY = 4 << 30
TIMES = 4
"""The memory that the process may always use, and the multiple of the file's size on top."""
HOPELESS = "the file is damaged: reading it does not come to an end, or ends the process that reads it"


def probe(path: Path, member: str | None = None) -> None:
    """Check a .h5 file, or a member of a .keras file, and read all of it, in a process of its own.

    Raises:
        CaptureError: it is damaged, holds what Keras does not write, or cannot be read to its end.
        ConfigError: what reads such files is not installed.
    """
    if find_spec("h5py") is None:
        raise ConfigError("reading the weights of a model takes h5py, which is not installed", hint=INSTALL)
    seconds = SECONDS + path.stat().st_size // BYTES_A_SECOND
    try:
        answer = _PROBER.ask({"path": str(path.resolve()), "member": member, "seconds": seconds})
    except OSError:  # no process can be started here
        answer = {"wrong": examine(path, member)}
    if answer["wrong"]:
        raise CaptureError(answer["wrong"], where=f"{path}: {member}" if member else str(path))


class _Prober:
    """The process, started when it is first asked, and again after one that was lost."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.owner = 0
        self.lock = threading.Lock()

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a job."""
        with self.lock:
            process = self._running()
            timer = threading.Timer(job["seconds"] + SECONDS, process.kill)  # where there are no alarms
            timer.daemon = True
            timer.start()
            try:
                assert process.stdin
                assert process.stdout
                process.stdin.write(json.dumps(job).encode() + b"\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = b""
            except BaseException:
                self.end()  # its late answer would be taken for that of the next job
                raise
            finally:
                timer.cancel()
            if line.endswith(b"\n"):
                return json.loads(line)
            self.end()
            return {"wrong": HOPELESS}

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.owner != os.getpid() or self.process.poll() is not None:
            paths = os.pathsep.join(p for p in sys.path if p)
            self.process = subprocess.Popen(
                leashed([sys.executable, "-m", "kexport.capture.sources.hdf5_probe"]),
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self.owner = os.getpid()
        return self.process

    def end(self) -> None:
        """End the process, if it is one of this process' own."""
        process = self.process
        self.process = None
        if process is None or self.owner != os.getpid():
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


_PROBER = _Prober()
atexit.register(_PROBER.end)


def examine(path: Path, member: str | None) -> str | None:
    """What is wrong with an HDF5 file, read whole; None if nothing is."""
    import h5py

    try:
        with damaged("", "the file is damaged or no HDF5 file at all"), path.open("rb") as raw:
            stream = raw
            size = path.stat().st_size
            if member:
                data = zipfile.ZipFile(raw).read(member)
                stream = io.BytesIO(data)
                size = len(data)
            with h5py.File(stream, "r") as file:
                check_hdf5(file, size, "")
                read_all(file)
    except CaptureError as e:
        return e.what
    return None


def _limit(path: Path, seconds: int) -> None:
    """Have the system end this process where it takes too long or too much."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)
    if sys.platform != "win32":
        import resource

        wanted = MEMORY + TIMES * path.stat().st_size
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(ValueError, OSError):  # systems without such a limit
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        job = json.loads(line)
        path = Path(job["path"])
        _limit(path, job["seconds"])
        answer = {"wrong": examine(path, job["member"])}
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
