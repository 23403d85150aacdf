"""Kills a process at every step that it takes on the file system, to see what it leaves behind."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kexport.workflows import publication

STEPS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.scandir", "os.link", "shutil.rmtree")
"""The audit events of Python that stand for a step; each is raised before it is taken."""
MOST = 500


def folders_of_killed(start: Path, work: Path, act: Callable[[Path], object]) -> Iterator[Path]:
    """A copy of a folder for each step of `act` on it, killed before that step; at last one where it was not killed."""
    for step in range(MOST):
        place = work / f"killed-{step}" / "dist"
        shutil.copytree(start, place)
        killed = _killed_at(step, place, act)
        yield place
        shutil.rmtree(place.parent)
        if not killed:
            return
    raise AssertionError(f"it takes more than {MOST} steps")


def _killed_at(step: int, place: Path, act: Callable[[Path], object]) -> bool:
    """Whether the process got as far as the step. It is a fork of this one."""
    child = os.fork()
    if child == 0:
        try:
            _count_down(step, place)
            act(place)
            os._exit(0)
        except BaseException:  # noqa: BLE001  the fork must not go on with the tests
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "it failed before it could be killed"
    return False


def _count_down(left: int, place: Path) -> None:
    state = {"left": left}

    def step() -> None:
        if state["left"] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        state["left"] -= 1

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in STEPS and any(str(place) in str(a) for a in arguments):
            step()

    os.fsync = lambda descriptor: None  # the machine itself is not killed
    exchange = publication.exchange

    def exchange_after_a_step(one: Path, other: Path) -> bool:
        step()
        return exchange(one, other)

    publication.exchange = exchange_after_a_step
    sys.addaudithook(watch)
