"""Makes staging folders: output stays hidden beside its destination until it is complete.

A staging folder is removed at its end. If its process was killed, the next process that makes one there removes it,
together with the temporary folders of killed processes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kexport.errors import ConfigError, EmitError
from kexport.temporary import remove_dead
from kexport.workflows.files import sync
from kexport.workflows.folder_lock import is_dead, locked, sign_of_life
from kexport.workflows.publication import finish

PREFIX = ".kexport-"


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """Make a hidden folder inside `out` for the block; make `out` if needed, and remove it if it stays empty.

    Raises:
        ConfigError: `out` is no folder or cannot be written.
        VerifyError: there is an unfinished export with a damaged plan.
        EmitError: the disk is full, or another error of the file system while the body runs.
    """
    remove_dead()
    try:
        made = [p for p in (out, *out.parents) if not p.exists()]
        out.mkdir(parents=True, exist_ok=True)
        with locked(out):
            finish(out)
            _remove_stale(out)
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=out))
            alive = sign_of_life(folder)
    except OSError as e:
        hint = "choose a folder you may write to with -o"
        raise ConfigError(f"cannot write here: {e.strerror}", where=str(out), hint=hint) from e
    try:
        yield folder
    except OSError as e:
        raise EmitError(f"writing failed: {e.strerror or e}", where=str(e.filename or out)) from e
    finally:
        alive.release()
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # it is not empty
            for path in made:
                path.rmdir()


def publish(source: Path, destination: Path) -> None:
    """Move a finished file to its place, replacing what was there; it is synced before it is visible."""
    sync(source)
    os.replace(source, destination)


def _remove_stale(out: Path) -> None:
    """Remove what killed processes left."""
    for folder in out.glob(PREFIX + "*"):
        if folder.is_dir() and is_dead(folder):
            shutil.rmtree(folder, ignore_errors=True)
