"""Every committed file is short, and names no machine and no registry."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

CODE = ("kexport", "targets", "samples", "tests")
LIMIT = 400
GENERATED = "# Generated"
"""The first line of a file that a program wrote begins so; its length is free."""

PRIVATE = re.compile(
    "|".join(
        (
            r"(?<![\w.])/(?:work|root|home|opt|mnt|Users)/\w",
            r"file:/{2}",
            r"(?:extra-)?index-url",
            r"pypi\.(?:org|python)|pythonhosted|registry\.npm",
        )
    )
)
TEXT = {".py", ".toml", ".md", ".lock", ".kx", ".txt", ".json", ".yml", ".yaml", ".cfg", ".js", ".mjs", ""}
HIDDEN = {".ci", ".github", ".pre-commit-config.yaml"}
"""What is the project's although its name begins with a dot."""
SELF = "tests/house/test_files.py"
IGNORED = {"dist", "build"}
EXPLAINED = {"Makefile": "no-emit-index-url"}
"""Files that may use one of the words, and how."""


def code_files(root: Path) -> list[Path]:
    return [p for folder in CODE for p in sorted((root / folder).rglob("*.py"))]


def committed_files(root: Path) -> list[Path]:
    """The files of the checkout that are the project's: no other hidden folder, no output."""
    tops = [p for p in sorted(root.iterdir()) if p.name not in IGNORED and (p.name[0] != "." or p.name in HIDDEN)]
    files = [f for top in tops for f in (sorted(top.rglob("*")) if top.is_dir() else [top])]
    return [f for f in files if f.is_file() and f.suffix in TEXT and "__pycache__" not in f.parts]


def test_no_file_is_too_long(root: Path) -> None:
    texts = {p: p.read_text(encoding="utf-8") for p in code_files(root)}
    lengths = {str(p.relative_to(root)): t.count("\n") for p, t in texts.items() if not t.startswith(GENERATED)}
    assert {name: n for name, n in lengths.items() if n > LIMIT} == {}


def test_every_file_of_code_says_what_it_is(root: Path) -> None:
    silent = [
        str(p.relative_to(root))
        for p in code_files(root)
        if (text := p.read_text(encoding="utf-8")).strip() and ast.get_docstring(ast.parse(text)) is None
    ]
    assert silent == []


def test_no_file_names_a_machine_or_a_registry(root: Path) -> None:
    found = []
    for path in committed_files(root):
        name = str(path.relative_to(root))
        text = path.read_text(encoding="utf-8").replace(EXPLAINED.get(name, "\0"), "")
        found += [f"{name}: {m[0]}" for m in PRIVATE.finditer(text) if name != SELF]
    assert found == []


@pytest.mark.parametrize(
    "text", ["see /ro" + "ot/x", "file:" + "//x", "--extra-index-" + "url x", "https://py" + "pi.org"]
)
def test_the_pattern_finds_what_it_should(text: str) -> None:
    assert PRIVATE.search(text)
