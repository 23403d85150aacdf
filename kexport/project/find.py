"""Finds and reads the project file: kexport.toml, or pyproject.toml with a table tool.kexport."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kexport.errors import ConfigError
from kexport.project.lines import line_of
from kexport.project.schema import Project
from kexport.project.typed import Wrong, check

OWN = "kexport.toml"
SHARED = "pyproject.toml"
TABLE = ("tool", "kexport")
"""Where a pyproject.toml holds what a kexport.toml says."""
MOST = 4 << 20
"""Bytes of a project file."""
_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True)
class ProjectFile:
    """A project file as written: keys and values that fit the schema."""

    path: Path
    text: str
    tables: dict[str, Any]
    prefix: tuple[str, ...] = ()
    """The names of the tables around ours."""

    @property
    def folder(self) -> Path:
        """What relative paths in it start from."""
        return self.path.parent

    def wrong(self, keys: tuple[str, ...], what: str, hint: str | None = None) -> ConfigError:
        """An error about a key, with the line where it stands."""
        line = line_of(self.text, (*self.prefix, *keys))
        return ConfigError(what, where=f"{shown(self.path)}:{line}", hint=hint)


def find_project(given: str | Path | None = None, start: Path | None = None) -> ProjectFile:
    """Read the given project file, or the nearest one in the folder where one stands and those around it.

    Raises:
        ConfigError: there is none, or it is not what it should be.
    """
    if given is not None:
        path = Path(given)
        return read_project(path / OWN if path.is_dir() else path)
    here = start or Path.cwd()
    for folder in (here, *here.parents):
        for path in (folder / OWN, folder / SHARED):
            if path.is_file() and (path.name == OWN or _has_table(path)):
                return read_project(path)
    hint = "make one with: kexport init model.keras"
    raise ConfigError(f"there is no {OWN} here, nor a {SHARED} with [{'.'.join(TABLE)}]", where=str(here), hint=hint)


def read_project(path: Path) -> ProjectFile:
    """Read one project file.

    Raises:
        ConfigError: it is missing, no TOML, or has keys and values that do not fit; says file, line and key.
    """
    path = path.absolute()
    text, tables = _load(path)
    prefix = TABLE if path.name == SHARED else ()
    file = ProjectFile(path, text, _inner(tables, prefix), prefix)
    try:
        check(file.tables, Project)
    except Wrong as e:
        raise file.wrong(e.path, str(e), e.hint) from None
    return file


def _inner(tables: Any, names: Sequence[str]) -> Any:
    """The table at some names; an empty one if there is none."""
    for name in names:
        tables = tables.get(name, {}) if isinstance(tables, dict) else {}
    return tables


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _load(path: Path) -> tuple[str, dict[str, Any]]:
    where = shown(path)
    try:
        with path.open("rb") as file:
            data = file.read(MOST + 1)
    except OSError as e:
        hint = "give a kexport.toml, or make one with: kexport init model.keras"
        raise ConfigError(f"the project file cannot be read: {e.strerror}", where=where, hint=hint) from None
    if len(data) > MOST:
        raise ConfigError(f"the project file is longer than {MOST} bytes", where=where, hint="is it another file?")
    try:
        text = data.decode()
        return text, tomllib.loads(text)
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise ConfigError("the project file is no UTF-8", where=f"{where}:{line}", hint="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as e:
        found = _LINE.search(str(e))
        line = found[1] if found and found[1] else str(data.count(b"\n") + 1)
        what = f"this is no TOML: {_LINE.sub('', str(e))}"
        raise ConfigError(what, where=f"{where}:{line}", hint='for example source = "model.keras"') from None
    except RecursionError:
        raise ConfigError("the project file is nested too deep", where=where, hint="is it another file?") from None


def _has_table(path: Path) -> bool:
    """Whether a pyproject.toml has our table; one that is no TOML is somebody else's worry."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return bool(_inner(tables, TABLE))
