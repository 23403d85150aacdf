"""Runtimes in a page of a headless browser; each target brings a module and the packages that it imports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from kexport.target import Runtime
from kexport_js.browser import HINT, BrowserEngine, browser_version
from kexport_js.npm import Packages


class PageRuntime(Runtime):
    """An engine module in a headless Chrome or Chromium; it runs on request only."""

    device = "browser"
    on_request = True
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
        library, browser = self.packages.version(self.library), browser_version()
        return f"{library} in {browser}" if library and browser else None

    def settings(self, threads: int) -> Mapping[str, Any]:
        """What the module is told."""
        return {"threads": threads}

    def start(self, threads: int = 1) -> BrowserEngine:
        """A browser that can load one model after the other."""
        return BrowserEngine(self.module, self.packages.folder, self.settings(threads), self.switches)
