"""A headless Chrome or Chromium as an engine: a page of a small local server fetches requests and posts answers."""

from __future__ import annotations

import atexit
import json
import os
import queue
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kexport.errors import VerifyError
from kexport.lifeline import leashed
from kexport.temporary import TemporaryFolder
from kexport_shared.js.engine import Engine
from kexport_shared.js.server import Server

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
"""The possible names of the browser's program."""
BUNDLES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
HINT = "install Chrome or Chromium, on Debian: apt-get install chromium"
FLAGS = (
    "--headless=new",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--mute-audio",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
)
_START = 60.0
"""Seconds within which the page must have asked for work."""


def find_browser() -> str | None:
    """The path of an installed Chrome or Chromium, or None."""
    found = [path for name in NAMES if (path := shutil.which(name))]
    return next(iter(found + [b for b in BUNDLES if Path(b).exists()]), None)


def browser_version() -> str | None:
    """Its version, such as `Chromium 142.0.7444.59`; None without a browser."""
    program = find_browser()
    return _version_of(program) if program else None


@cache
def _version_of(program: str) -> str | None:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return " ".join(done.stdout.split()[:2]) or None


class Browser:
    """A headless browser with one page open. It shares our process group, and ends with us."""

    def __init__(self, url: str, flags: Sequence[str] = ()):
        program = find_browser()
        if program is None:
            raise VerifyError("there is no Chrome or Chromium here", hint=HINT)
        self._profile = TemporaryFolder()
        root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        command = [program, *FLAGS, *root, *flags, f"--user-data-dir={self._profile.path}", url]
        self._process = subprocess.Popen(
            leashed(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        atexit.register(self.close)

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def close(self) -> None:
        """End the browser and remove its profile."""
        atexit.unregister(self.close)
        if not self.ended:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._profile.close()


class BrowserEngine(Engine):
    """An engine module in a page.

    Args:
        module: a JavaScript file that exports `start(packages, settings)`; its folder is served too.
        packages: the folder with `node_modules`.
        settings: passed on.
        flags: for the browser.
    """

    def __init__(self, module: Path, packages: Path, settings: Mapping[str, Any], flags: Sequence[str] = ()):
        here = Path(__file__).parent / "js"
        self.server = Server({"/js/": here, "/engine/": module.parent, "/packages/": packages})
        query = f"module={quote(module.name)}&settings={quote(json.dumps(dict(settings)))}"
        self._browser = Browser(f"{self.server.url}/js/page.html?{query}", flags)
        self.about = self._first()
        """What the engine says about itself: a JSON object."""

    def mount(self, folder: Path) -> str:
        """Serve a folder with a model; returns its path for the page."""
        return self.server.mount(folder)

    def exchange(self, message: bytes) -> bytes:
        self.server.requests.put(message)
        return self._answer(None)

    def close(self) -> None:
        self._browser.close()
        self.server.close()

    def _first(self) -> dict[str, Any]:
        try:
            about = json.loads(self._answer(_START))
        except VerifyError:
            self.close()
            raise
        if "error" in about:
            self.close()
            raise VerifyError(about["error"])
        return about

    def _answer(self, seconds: float | None) -> bytes:
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            try:
                return self.server.answers.get(timeout=0.5)
            except queue.Empty:
                if self._browser.ended:
                    raise VerifyError("the browser ended") from None
                if end is not None and time.monotonic() > end:
                    raise VerifyError(f"the page did not start within {seconds:g} s") from None
