"""One visiting browser: the page it shall open, its messages, and what it shows."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kexport.engines.runner import RunResult
from kexport.errors import KexportError, NotApplicable, VerifyError
from kexport.ir.op import Array
from kexport.paths import is_inside
from kexport.printable import one_line
from kexport.replay.agent import browser_of, plain_words, system_of
from kexport.target import Page, Runtime

_LONGEST = 300
"""Characters shown of a message from a page."""


class Left(Exception):
    """The visitor closed the page."""


class _Late(Exception):
    """The page did not answer in time."""


class Opened:
    """An engine's page in the visitor's browser, with its folders and messages below `base`."""

    def __init__(self, base: str, page: Page, end: float, left: threading.Event):
        self.base = base
        self.page = page
        self.folders: dict[str, Path] = dict(page.folders)
        self.requests: queue.Queue[bytes] = queue.Queue()
        self.answers: queue.Queue[bytes] = queue.Queue(2)
        self._end = end
        self._left = left
        self.about: Mapping[str, Any] = {}

    @property
    def address(self) -> str:
        """The address of the page."""
        return self.base + self.page.address

    def mount(self, folder: Path) -> str:
        """Serve another folder; return its path as the page sees it."""
        name = f"models/{len(self.folders)}/"
        self.folders[name] = folder
        return self.base + name

    def file(self, path: str) -> Path | None:
        """Return the file behind a path below `base`, if it lies in one of the folders."""
        for name, folder in list(self.folders.items()):
            rest = path.removeprefix(name)
            if path.startswith(name) and is_inside(rest):
                file = (folder / rest).resolve()
                return file if file.is_relative_to(folder.resolve()) and file.is_file() else None
        return None

    def exchange(self, message: bytes) -> bytes:
        """Send a message and return the page's answer."""
        self.requests.put(message)
        return self.answer()

    def answer(self) -> bytes:
        """Wait for the next message from the page."""
        while True:
            try:
                return self.answers.get(timeout=0.2)
            except queue.Empty:
                if self._left.is_set():
                    raise Left from None
                if time.monotonic() > self._end:
                    raise _Late from None


@dataclass
class Visit:
    """One browser from its arrival to its verdict. The server's threads read it; one thread judges."""

    base: str
    """The path below which everything of this visit lies."""
    agent: str
    """The browser's User-Agent header."""
    address: str
    """The browser's network address."""
    rows: list[list[str]] = field(default_factory=list[list[str]])
    """The table that the page shows."""
    opened: dict[str, Opened] = field(default_factory=dict[str, Opened])
    left: threading.Event = field(default_factory=threading.Event)
    read: threading.Event = field(default_factory=threading.Event)
    """Whether the page has received its final state."""
    state: str = "waiting"
    done: bool = False

    def __post_init__(self) -> None:
        self._current = ""
        self._turn = 0
        self._changed = threading.Condition()

    @property
    def host(self) -> str:
        """The device in words."""
        return f"{system_of(self.agent)} at {self.address}"

    def tell(
        self, state: str, *, rows: Sequence[Sequence[str]] | None = None, page: str = "", done: bool = False
    ) -> None:
        """Change what the page shows, and which engine's page is open in it."""
        with self._changed:
            self.state = state
            self._current = page
            self.done = done
            self.rows = self.rows if rows is None else [list(row) for row in rows]
            self._turn += 1
            self._changed.notify_all()

    def news(self, seen: int, seconds: float) -> dict[str, Any] | None:
        """Wait for a state newer than turn `seen` and return it as JSON; None if none comes in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._turn > seen, seconds):
                return None
            rows = [list(map(one_line, row)) for row in self.rows]
            news = {"turn": self._turn, "state": one_line(self.state), "rows": rows, "page": self._current}
            return {**news, "done": self.done}

    def run(
        self,
        path: Path,
        target: str,
        runtime: Runtime,
        batches: Sequence[Mapping[str, Array]],
        *,
        timeout: float,
        threads: int = 1,
        repeats: int = 0,
    ) -> RunResult:
        """Like `run_artifact`, in the visitor's browser.

        Raises:
            Left: the page was closed.
        """
        page = runtime.page(threads)
        if page is None:
            return RunResult("missing", f"{runtime.name} is not installed: {runtime.how_to_install}")
        base = f"{self.base}{len(self.opened)}/"
        opened = self.opened[base] = Opened(base, page, time.monotonic() + timeout, self.left)
        self.tell(f"{path.name} in {runtime.name}", page=opened.address)
        facts: dict[str, Any] = {"host": self.host, "version": f"{page.version} in {browser_of(self.agent)}"}
        try:
            return _run(path, runtime, opened, [*batches, *([batches[-1]] * repeats)], len(batches), facts)
        except _Late:
            return RunResult("timeout", f"no answer after {timeout:g} s", **facts)


def _run(
    path: Path,
    runtime: Runtime,
    opened: Opened,
    batches: Sequence[Mapping[str, Array]],
    count: int,
    facts: dict[str, Any],
) -> RunResult:
    outputs: list[Mapping[str, Array]] = []
    seconds: dict[str, float] = {}
    try:
        if problem := _first_words(opened):
            return RunResult("not applicable", f"it cannot start: {problem}", **facts)
        start = time.perf_counter()
        session = runtime.visit(path, opened)
        seconds["load"] = time.perf_counter() - start
        for inputs in batches:
            start = time.perf_counter()
            outputs.append(session.run(inputs))
            spent = time.perf_counter() - start
            seconds = {**seconds, "first": seconds.get("first", spent), "best": min(seconds.get("best", spent), spent)}
    except NotApplicable as e:
        return RunResult("not applicable", plain_words(e.what, _LONGEST), **facts)
    except KexportError as e:
        return RunResult("error", plain_words(e.what, _LONGEST), tuple(outputs[:count]), seconds, **facts)
    except (KeyError, ValueError, TypeError) as e:  # the answer lacks an output
        what = plain_words(f"{type(e).__name__}: {e}", _LONGEST)
        return RunResult("garbage", what, tuple(outputs[:count]), seconds, **facts)
    return RunResult("ok", outputs=tuple(outputs[:count]), seconds=seconds, **facts)


def _first_words(opened: Opened) -> str:
    """Keep the engine's description of itself; return why it cannot start, or an empty text."""
    try:
        about = json.loads(opened.answer())
    except ValueError as e:
        raise VerifyError("the page's first answer is no JSON") from e
    if not isinstance(about, dict):
        raise VerifyError("the page's first answer is no JSON object")
    opened.about = about
    lines = str(about.get("error", "")).strip().splitlines()  # the first line is the message, a stack follows
    return plain_words(lines[0], _LONGEST) if lines else ""
