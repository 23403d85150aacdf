"""What a fault in an emitted file is, and faults that need no knowledge of the format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.edits import Inapplicable

FileEdit = Callable[[Path], str]
"""Edits an artifact in place and says where; raises `Inapplicable` where it has not what the fault needs."""


@dataclass(frozen=True)
class FileFault:
    """One kind of fault in an artifact."""

    name: str
    edit: FileEdit
    harmless: bool = False
    """Whether it is none: verification must accept it."""
    declared: bool = False
    """Whether the file states another interface than the model's: a fault, whatever engines make of it."""
    wild: bool = False
    """Whether engines may crash on it, so that they get a process of their own."""


def at_file(find: Callable[[Path], Path], change: Callable[[bytes], bytes]) -> FileEdit:
    """Other bytes in one file of an artifact; `find` gets the artifact's path."""

    def edit(path: Path) -> str:
        file = find(path)
        if not file.is_file():
            raise Inapplicable
        data = file.read_bytes()
        changed = change(data)
        if changed == data:
            raise Inapplicable
        file.write_bytes(changed)
        return file.name

    return edit


def removed(find: Callable[[Path], Path]) -> FileEdit:
    """A file that is not there."""

    def edit(path: Path) -> str:
        file = find(path)
        if not file.is_file():
            raise Inapplicable
        file.unlink()
        return file.name

    return edit


def truncations(prefix: str, find: Callable[[Path], Path]) -> tuple[FileFault, ...]:
    """A file that ends early, in several ways."""
    cuts: dict[str, Callable[[bytes], bytes]] = {
        "cut in half": lambda data: data[: len(data) // 2],
        "without its last bytes": lambda data: data[:-5],
        "empty": lambda data: b"",
        "second half zeros": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    }
    return tuple(FileFault(f"{prefix} {name}", at_file(find, cut), wild=True) for name, cut in cuts.items())
