"""Reads the imports of a module from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
BASES = {"kexport": ROOT, "targets": ROOT / "targets"}
"""The folders with code, and the folders that their module names count from."""


class Import(NamedTuple):
    """One imported module; `lazy` inside a function, `typing` under TYPE_CHECKING."""

    name: str
    line: int
    lazy: bool
    typing: bool


class Module(NamedTuple):
    """A source file by its module name."""

    name: str
    path: Path

    @property
    def imports(self) -> list[Import]:
        return list(_imports(ast.parse(self.path.read_text(encoding="utf-8")).body, lazy=False, typing=False))


def modules() -> dict[str, Module]:
    """Every module of kexport and of the targets."""
    found = {}
    for folder, base in BASES.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = Module(name, path)
    return found


def room_of(name: str, rooms: set[str]) -> str:
    """The room with the longest name that `name` is in; the root is a room for itself only."""
    parts = name.split(".")
    prefixes = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((p for p in prefixes if p in rooms and (p != "kexport" or p == name)), "")


def _imports(body: list[ast.stmt], *, lazy: bool, typing: bool) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, lazy, typing)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield Import(f"{node.module}.{alias.name}", node.lineno, lazy, typing)
        else:
            inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            checking = typing or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
            yield from _imports(_statements(node), lazy=inside, typing=checking)


def _statements(node: ast.AST) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            found.append(child)
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            found += child.body
    return found
