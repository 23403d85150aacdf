"""However a command is ended, nothing of it goes on, and nothing is left that the next one does not remove."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kexport.cli.signals import Ended, ended_by_signals
from kexport.temporary import ALIVE, PREFIX, remove_dead, temporary_folder
from kexport.workflows.staging import staging

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system's processes are not in /proc")

_EXPORT = """
import kexport.workflows
from pathlib import Path
from kexport.workflows.staging import staging
from kexport.engines.process import run_module

def export(model, out, **options):
    with staging(Path(out)) as stage:
        run_module("tests.cli.sleeper", stage, 600)

kexport.workflows.export = export
from kexport.cli.main import main
main()
"""
"""The command line, whose export does nothing but wait for a worker."""


def started(code: str, root: Path, *arguments: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "targets")])}
    return subprocess.Popen(
        [*before, sys.executable, "-c", code, *arguments],
        cwd=root,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def eventually(what: Callable[[], object], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def pid_in(folder: Path, pattern: str = f"{PREFIX}*/pid") -> int:
    """The number that a worker has left."""
    found: list[str] = []

    def look() -> bool:
        found[:] = [text for p in folder.glob(pattern) if (text := p.read_text())]
        return bool(found)

    assert eventually(look)
    return int(found[0])


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_command_that_is_ended_cleans_up(root: Path, tmp_path: Path, name: str, code: int) -> None:
    out = tmp_path / "new" / "dist"
    process = started(_EXPORT, root, "export", "m.keras", "-o", str(out))
    worker = pid_in(out, ".kexport-*/pid")
    process.send_signal(signal.Signals[name])
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert ("interrupted" if name == "SIGINT" else f"ended by {name}") in said
    assert "Traceback" not in said
    assert eventually(lambda: not runs(worker), 10)
    assert not out.parent.exists()


def test_what_was_killed_ends_with_its_worker_and_is_removed_by_the_next(root: Path, tmp_path: Path) -> None:
    process = started(_EXPORT, root, "export", "m.keras", "-o", str(tmp_path))
    worker = pid_in(tmp_path, ".kexport-*/pid")
    process.kill()
    process.communicate()
    assert eventually(lambda: not runs(worker), 10)
    assert [p.name[:9] for p in tmp_path.iterdir()] == [".kexport-"]
    with staging(tmp_path) as stage:
        assert [p for p in tmp_path.iterdir() if p.is_dir()] == [stage]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not shutil.which("nohup"), reason="there is no nohup")
def test_a_signal_that_is_ignored_stays_so(root: Path, tmp_path: Path) -> None:
    process = started(_EXPORT, root, "export", "m.keras", "-o", str(tmp_path / "dist"), before=("nohup",))
    pid_in(tmp_path / "dist", ".kexport-*/pid")
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143


def test_handlers_are_as_before_and_other_threads_get_none() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Ended) as caught, ended_by_signals():
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is before
    found: list[object] = []

    def enter() -> None:
        with ended_by_signals():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [before]


_NODE = """
import sys
from pathlib import Path
from kexport_shared.js.engine import NodeEngine
engine = NodeEngine(Path(sys.argv[1]) / "busy.mjs", Path(sys.argv[1]), {"folder": sys.argv[1]})
engine.exchange(b"")
"""
_BUSY = """
import fs from 'node:fs';
export async function start(packages, settings) {
  fs.writeFileSync(settings.folder + '/pid', String(process.pid));
  for (;;) {}
}
"""


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node")
def test_a_busy_node_ends_with_who_was_killed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "busy.mjs").write_text(_BUSY)
    process = started(_NODE, root, str(tmp_path))
    node = pid_in(tmp_path, "pid")
    assert runs(node)
    process.kill()
    process.communicate()
    assert eventually(lambda: not runs(node), 10)


_BROWSER = """
import time
from kexport_shared.js.browser import Browser
browser = Browser("about:blank")
print(browser._profile.path, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no chromium")
def test_a_browser_ends_with_who_was_killed(root: Path) -> None:
    process = started(_BROWSER, root)
    assert process.stdout is not None
    profile = Path(process.stdout.readline().strip())

    def browsers() -> list[int]:
        found = [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(profile).encode() in read(p)]
        return [int(p.parent.name) for p in found if int(p.parent.name) != process.pid]

    assert eventually(browsers)
    process.kill()
    process.communicate()
    assert eventually(lambda: not any(map(runs, browsers())), 20)
    shutil.rmtree(profile.parent, ignore_errors=True)


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_temporary_folders_of_the_killed_are_removed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = (
        "import sys, tempfile, time\ntempfile.tempdir = sys.argv[1]\n"
        "from kexport.temporary import temporary_folder\n"
        "with temporary_folder() as folder:\n    (folder / 'x').write_text('x'); print(folder, flush=True)\n"
        "    time.sleep(600)"
    )
    process = started(code, root, str(tmp_path))
    assert process.stdout is not None
    killed = Path(process.stdout.readline().strip()).parent
    (tmp_path / f"{PREFIX}mine").mkdir()
    age(killed)
    with temporary_folder() as mine:
        age(mine.parent)
        remove_dead()
        assert killed.exists(), "its process is there"
        process.kill()
        process.communicate()
        remove_dead()
        assert not killed.exists()
        assert mine.exists()
    assert [p.name for p in tmp_path.iterdir()] == [f"{PREFIX}mine"]


def age(folder: Path) -> None:
    os.utime(folder / ALIVE, (0, 0))
