"""Loads damaged Keras files one after the other, and prints what became of each; watched for what it touches.

usage: python -m tests.fuzz.keras_worker FOLDER SEED COUNT
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from kexport.capture.capturing import capture
from kexport.capture.sources.frameworks import import_keras, import_tf_keras
from kexport.errors import KexportError
from tests.fuzz.keras_files import bases, mutants

RUNS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "subprocess.Popen",
    "pty.spawn",
    "socket.connect",
    "socket.bind",
    "urllib.Request",
    "ftplib.connect",
    "os.startfile",
)
CHANGES = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.chmod",
    "os.link",
    "os.symlink",
    "os.truncate",
    "shutil.copyfile",
    "shutil.rmtree",
    "shutil.move",
)
PROBE = "kexport.capture.sources.hdf5_probe"
"""The process that reads HDF5 files first; it is started again where one of them ends it."""
READABLE = ("/proc", "/sys", "/dev", "/usr", "/lib", "/etc/localtime")


class Watch:
    """An audit hook that notes files outside of a folder, processes and connections."""

    def __init__(self, folder: Path):
        self.folder = str(folder)
        self.found = []
        self.on = False
        self.roots = tuple({sys.prefix, sys.base_prefix, *(p for p in sys.path if p), str(Path.cwd()), *READABLE})

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" and PROBE in arguments[1]:
            return
        runs = event in RUNS or (event in CHANGES and not self._ours(_whole(*arguments)))
        if self.on and (runs or (event == "open" and not self._is_harmless(*arguments[:3]))):
            self.found.append(f"{event} {arguments}")

    def _ours(self, path: Any) -> bool:
        return str(path).startswith((self.folder, "/tmp/kexport-"))

    def _is_harmless(self, path: Any, mode: Any, flags: Any) -> bool:
        if isinstance(path, int) or self._ours(path):
            return True
        writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (flags or 0) & (os.O_WRONLY | os.O_RDWR)
        return not writes and os.path.abspath(path).startswith(self.roots)


def _whole(path: Any, *rest: Any) -> str:
    """A path that is changed, whole where it is told from an open folder on, as the last argument says."""
    folder = rest[-1] if rest and isinstance(rest[-1], int) else -1
    known = Path(f"/proc/self/fd/{folder}")
    return f"{known.readlink()}/{path}" if folder >= 0 and known.exists() else str(path)


def say(line: str) -> None:
    """Write a line at once: the next file may end the process."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(folder: Path, seed: int, count: int) -> None:
    """Load `count` mutants and print a line for each: its name, what became of it, and how long that took."""
    import_keras()
    import_tf_keras()
    files = bases(folder)
    for path in files.values():
        capture(path)  # what is imported and opened once for all is not the file's doing
    watch = Watch(folder)
    sys.addaudithook(watch)
    for name, suffix, data in mutants(seed, files, count):
        path = folder / f"mutant{suffix}"
        path.write_bytes(data)
        say(f"begin {name}")
        started = time.monotonic()
        watch.on = True
        try:
            capture(path)
            outcome = "loaded"
        except KexportError as e:
            outcome = f"refused {type(e).__name__}"
            str(e)
        except BaseException as e:  # noqa: BLE001  that is what is looked for
            place = traceback.extract_tb(e.__traceback__)[-1]
            outcome = f"FAILED {type(e).__name__}: {str(e)[:200]!r} at {place.filename}:{place.lineno}"
            if os.environ.get("FUZZ_TRACE"):
                traceback.print_exc()
        watch.on = False
        touched = f" TOUCHED {watch.found}" if watch.found else ""
        watch.found.clear()
        say(f"end {name}: {outcome}{touched} in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
