"""Runtimes in a page of a browser; each target brings a module and the packages that it imports."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from kexport.target import Page, Runtime, Session, Visitor
from kexport_shared.js.browser import HINT, BrowserEngine, browser_version
from kexport_shared.js.engine import Engine
from kexport_shared.js.npm import Packages

HERE = Path(__file__).parent / "js"


class PageRuntime(Runtime):
    """An engine module in a headless Chrome or Chromium, or in any browser that visits; it runs on request only."""

    device = "browser"
    on_request = True
    starts_anew = True
    packages: ClassVar[Packages]
    library: ClassVar[str]
    """The npm package whose version is the runtime's."""
    module: ClassVar[Path]
    switches: ClassVar[tuple[str, ...]] = ()
    """Switches of the browser."""

    @property
    def how_to_install(self) -> str:
        return f"kexport doctor --install {self.packages.name}; {HINT}"

    def version(self) -> str | None:
        library = self.packages.version(self.library)
        browser = browser_version()
        return f"{library} in {browser}" if library and browser else None

    def settings(self, threads: int) -> Mapping[str, Any]:
        """What the module is told."""
        return {"threads": threads}

    def start(self, threads: int = 1) -> BrowserEngine:
        """A browser that can load one model after the other."""
        return BrowserEngine(self.module, self.packages.folder, self.settings(threads), self.switches)

    def decline(self, path: Path) -> None:
        """Raise NotApplicable if this engine cannot run an artifact, wherever that is."""

    @abstractmethod
    def open(self, engine: BrowserEngine | VisitorEngine, path: Path) -> Session:
        """Load an artifact in a page.

        Raises:
            NotApplicable: this page cannot run it.
        """

    def load(self, path: Path, threads: int = 1) -> Session:
        """Load an artifact in a browser that nobody sees."""
        self.decline(path)
        engine = self.start(threads)
        try:
            return self.open(engine, path)
        except Exception:
            engine.close()
            raise

    def page(self, threads: int = 1) -> Page | None:
        version = self.packages.version(self.library)
        if version is None:
            return None
        query = f"module={quote(self.module.name)}&settings={quote(json.dumps(dict(self.settings(threads))))}"
        folders = {"js/": HERE, "engine/": self.module.parent, "packages/": self.packages.folder}
        return Page(version, folders, f"js/page.html?{query}")

    def visit(self, path: Path, visitor: Visitor) -> Session:
        self.decline(path)
        return self.open(VisitorEngine(visitor), path)


class VisitorEngine(Engine):
    """The page of a browser that visits."""

    def __init__(self, visitor: Visitor):
        self._visitor = visitor
        self.about = visitor.about

    def mount(self, folder: Path) -> str:
        """Serve a folder with a model; returns its path for the page."""
        return self._visitor.mount(folder)

    def exchange(self, message: bytes) -> bytes:
        return self._visitor.exchange(message)

    def close(self) -> None:
        """The browser is its user's."""
