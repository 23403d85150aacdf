"""Changes an output folder as a whole or not at all, even if the process is killed in between.

A file system replaces one name atomically, but an export has several. So everything new is first written into a folder
of its own, with a plan: what moves to which place, and what is removed. Renaming that folder to `PUBLISHING` is the
single deciding step: before it the export has not happened; after it everything left to do is in that folder, and can
be repeated. Each file or folder moves to its place atomically, the manifest after the artifacts that it lists; then
whatever is no longer listed is removed, and finally the plan. A process that is killed in between leaves each artifact
whole, old or new. Whoever opens the output folder next, even just to read, first finishes the plan. Writers hold the
folder's lock, so that two plans never meet.

Folders are exchanged by the system's own call. Without one, a folder is missing for the moment between two renames.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kexport.errors import ConfigError, VerifyError
from kexport.paths import inside
from kexport.workflows.exchange import exchange
from kexport.workflows.files import digest_of, is_folder, sync, sync_folder
from kexport.workflows.folder_lock import locked

PUBLISHING = ".kexport.publishing"
PLAN = "plan.json"
_HINT = "remove it if the export is not to be finished, and export again"


@dataclass(frozen=True)
class Put:
    """A file or folder of the staging folder and its destination, with its hash by `digest_of` if known."""

    source: Path
    place: str
    digest: str = ""


@dataclass(frozen=True)
class Change:
    """The moves, in this order, and the removals after them. Places are paths in the output folder."""

    puts: Sequence[Put]
    removals: Sequence[str] = ()


@dataclass(frozen=True)
class _Plan:
    """The change as recorded in the publishing folder: item `0` there moves to the first place, and so on."""

    places: list[str]
    digests: list[str]
    removals: list[str]


def publish_all(out: Path, stage: Path, change: Callable[[], Change]) -> None:
    """Change an output folder while holding its lock.

    Args:
        out: the folder.
        stage: a staging folder in it, with everything to be moved.
        change: returns the change. It is called while the lock is held, and may read the folder.

    Raises:
        ConfigError: another process holds the folder, or a file of the user is in the way.
        OSError: the file system refuses; the change has not happened, or the next to open the folder finishes it.
    """
    with locked(out):
        finish(out)
        wanted = change()
        if not wanted.puts and not wanted.removals:
            return
        _refuse_obstacles(wanted, out)
        _decide(wanted, out, stage)
        finish(out, begun=False)


def settle(folder: Path) -> None:
    """Finish a change that a killed process had decided; do nothing if there is none.

    Raises:
        VerifyError: the change cannot be made here, or its plan is damaged.
    """
    plan = folder / PUBLISHING / PLAN
    if not os.path.lexists(plan):
        return
    try:
        with locked(folder):
            finish(folder)
    except OSError as e:
        what = f"an export into this folder was killed, and cannot be finished: {e.strerror or e}"
        hint = "run kexport verify on it once where it can be written"
        raise VerifyError(what, where=str(folder), hint=hint) from e


def _refuse_obstacles(change: Change, out: Path) -> None:
    """Raise if anything would stop the change after its deciding step."""
    for place in (*(p.place for p in change.puts), *change.removals):
        parent = inside(out, place, ConfigError).parent
        if parent.exists() and not parent.is_dir():
            raise ConfigError("a file is in the way of a folder", where=str(parent), hint="move it elsewhere")


def _decide(change: Change, out: Path, stage: Path) -> None:
    """Collect everything to be moved, sync it, and give the folder the deciding name."""
    gathered = stage / "publishing"
    gathered.mkdir()
    digests: list[str] = []
    for i, put in enumerate(change.puts):
        sync(put.source)
        os.rename(put.source, gathered / str(i))
        digests.append(put.digest or digest_of(gathered / str(i)))
    plan = _Plan([p.place for p in change.puts], digests, list(change.removals))
    (gathered / PLAN).write_text(json.dumps(asdict(plan)), encoding="utf-8")
    sync(gathered / PLAN)
    sync_folder(gathered)
    os.rename(gathered, out / PUBLISHING)
    sync_folder(out)


def finish(out: Path, *, begun: bool = True) -> None:
    """Carry out the rest of the plan in a folder, and remove the plan. The caller holds the folder's lock.

    Raises:
        VerifyError: the plan is damaged.
        OSError: the file system refuses.
    """
    folder = out / PUBLISHING
    if folder.is_symlink():
        raise VerifyError("it is a link, which no export makes", where=str(folder), hint="remove it")
    if os.path.lexists(folder / PLAN):
        plan = _read(folder)
        for i, (place, digest) in enumerate(zip(plan.places, plan.digests, strict=True)):
            if os.path.lexists(source := folder / str(i)):
                _put(source, inside(out, place), digest if begun else None)
        for i, place in enumerate(plan.removals):
            _take_away(inside(out, place), folder / f"gone-{i}")
        _remove_empty_parents(plan, out)
        sync_folder(out)
        (folder / PLAN).unlink()
    if os.path.lexists(folder):
        shutil.rmtree(folder)


def _put(source: Path, place: Path, digest: str | None) -> None:
    """Move an item to its place. With its hash given, it may already be there, exchanged with what was there."""
    place.parent.mkdir(exist_ok=True)
    if not os.path.lexists(place) or not (is_folder(source) or is_folder(place)):
        os.replace(source, place)
        return
    old = source.with_name(f"old-{source.name}")
    exchanged = digest is not None and place.exists() and digest_of(place) == digest
    if exchanged or exchange(source, place):
        os.rename(source, old)
    else:
        os.rename(place, old)
        os.rename(source, place)


def _take_away(place: Path, gone: Path) -> None:
    if os.path.lexists(place) and not os.path.lexists(gone):
        os.rename(place, gone)


def _remove_empty_parents(plan: _Plan, out: Path) -> None:
    for place in (*plan.places, *plan.removals):
        parent = (out / place).parent
        if parent != out and parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def _read(folder: Path) -> _Plan:
    try:
        data = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        plan = _Plan(**{key: [str(x) for x in data[key]] for key in ("places", "digests", "removals")})
        if len(plan.places) != len(plan.digests):
            raise ValueError("not as many hashes as places")
        return plan
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise VerifyError("the plan of an unfinished export is damaged", where=str(folder), hint=_HINT) from e
