"""npm packages that verify artifacts: pinned by a lock file, installed by an explicit step, never silently."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kexport.errors import ConfigError
from kexport.lifeline import leashed

_FILES = ("package.json", "package-lock.json")
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


@dataclass(frozen=True)
class Packages:
    """The packages that a `package.json` with a lock file lists."""

    name: str
    """What `kexport doctor --install` calls them."""
    source: Path
    """The folder with both files."""

    @property
    def folder(self) -> Path:
        """Where they are installed: in the virtual environment, else in the user's data folder; by the lock's hash."""
        own = sys.prefix != sys.base_prefix
        base = Path(sys.prefix) / "share" if own else Path.home() / ".local" / "share"
        digest = hashlib.sha256((self.source / _FILES[1]).read_bytes()).hexdigest()
        return base / "kexport" / f"{self.name}-{digest[:12]}"

    def version(self, package: str) -> str | None:
        """The installed version of one of them; None without it or without Node."""
        try:
            text = (self.folder / "node_modules" / package / "package.json").read_text(encoding="utf-8")
        except OSError:
            return None
        return str(json.loads(text)["version"]) if shutil.which("node") else None

    def install(self) -> Path:
        """Install them, all or none, as the lock file says; returns the folder.

        Raises:
            ConfigError: there is no npm, or it fails; says what it said.
        """
        folder = self.folder
        if folder.is_dir():
            return folder
        npm = shutil.which("npm")
        if npm is None:
            raise ConfigError("there is no npm here", hint="install Node.js 18 or newer, which brings npm")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".install-") as stage:
                place = Path(stage) / "whole"
                place.mkdir()
                for file in _FILES:
                    shutil.copy(self.source / file, place)
                done = subprocess.run(leashed([npm, *_INSTALL]), cwd=place, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise ConfigError(f"npm failed: {done.stderr.strip()[-600:]}", where=self.name)
                os.replace(place, folder)
        except OSError as e:
            raise ConfigError(f"cannot install: {e.strerror}", where=str(folder)) from e
        return folder
