"""Fills a table of emitters from the files of its package."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules


def import_all(package: str, path: Iterable[str]) -> None:
    """Import every module of a package in order of name: each registers its emitters."""
    for module in sorted(m.name for m in iter_modules(path)):
        import_module(f"{package}.{module}")
