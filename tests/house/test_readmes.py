"""What the READMEs say can be followed: links, commands, modules, folders, rooms and graphs."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from kexport.ir.parser import parse_graph
from kexport.ir.verifier import verify_graph
from tests.house.layers import LAYERS
from tests.house.modules import ROOT

FOLDERS = ("kexport", "targets", "tests", "samples")
PAGES = [
    ROOT / "README.md",
    ROOT / ".github" / "CONTRIBUTING.md",
    *sorted(page for folder in FOLDERS for page in (ROOT / folder).rglob("README.md")),
]
FIRST_PAGE_LINES = 220
"""The README of the project is read in one go; the rest lies beside what it is about."""

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)


class Line(NamedTuple):
    """A command in a block of code, by its words."""

    page: str
    words: list[str]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def lines() -> list[Line]:
    """The commands in blocks of code: lines of `sh` blocks, and those after a `$` in blocks that show output."""
    found = []
    for page in PAGES:
        for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in text.splitlines():
                if language == "sh" or line.startswith("$ "):
                    words = shlex.split(line.removeprefix("$ "), comments=True)
                    found += [Line(name(page), words)] if words else []
    return found


LINES = lines()


def anchors(text: str) -> set[str]:
    """The anchors of the headings of a page, as forges make them."""
    titles = re.findall(r"(?m)^#+ (.*)$", text)
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            dead.append(link)
    assert dead == []


def test_the_first_page_is_short() -> None:
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= FIRST_PAGE_LINES


def test_commands_are_found() -> None:
    assert len([line for line in LINES if line.words[0] == "kexport"]) >= 20


def test_commands_of_kexport_have_these_options() -> None:
    from kexport.cli.main import cli

    wrong = []
    for page, words in (line for line in LINES if line.words[0] == "kexport"):
        command = cli.get_command(click.Context(cli), words[1])
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} if command else set()
        given = {w.split("=")[0] for w in words[2:] if re.match(r"--?[a-zA-Z]", w)}
        if command is None or given - known - {"--help"}:
            wrong.append(f"{page}: {' '.join(words)}")
    assert wrong == []


def test_modules_and_scripts_exist() -> None:
    wrong = []
    for page, words in LINES:
        if "-m" in words[:3] and words[0].rpartition("/")[2] == "python":
            module = words[words.index("-m") + 1]
            found = find_spec(module) is not None
        elif words[0] == "python":
            found = (ROOT / words[1]).exists() or words[1].endswith(".zip")
        else:
            continue
        wrong += [] if found else [f"{page}: {' '.join(words)}"]
    assert wrong == []


def test_tests_and_make_targets_exist() -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    wrong = []
    for page, words in LINES:
        missing = [w for w in words if w.startswith("tests/") and not (ROOT / w).exists()]
        missing += [w for w in words[1:2] if words[0] == "make" and w not in targets]
        wrong += [f"{page}: {w}" for w in missing]
    assert wrong == []


def test_places_of_an_op_exist() -> None:
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    places = [p.replace("FAMILY", "activation") for p in re.findall(r"(?m)^\| `([\w./*]+)`", text) if "NAME" not in p]
    assert len(places) > 10
    assert [place for place in places if not list(ROOT.glob(place))] == []


def test_make_help_lists_every_command() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = set(re.findall(r"(?m)^([a-z-]+):.*## \S", text))
    assert set(TARGET.findall(text)) - listed == set()


def test_every_room_has_a_line() -> None:
    text = (ROOT / "kexport" / "README.md").read_text(encoding="utf-8")
    rooms = {".".join(room.split(".")[:2]) for layer in LAYERS for room in layer} - {"kexport", "kexport.__main__"}
    missing = [
        room
        for room in sorted(rooms)
        if f"`{room.replace('.', '/')}/`" not in text and f"`{room.replace('.', '/')}.py`" not in text
    ]
    assert missing == []


def test_every_folder_of_tests_has_a_line() -> None:
    text = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    rooms = {path.stem for path in (ROOT / "kexport").iterdir()}
    formats = {path.name.removeprefix("kexport_") for path in (ROOT / "targets").iterdir()}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert [folder for folder in sorted(folders - rooms - formats) if f"`{folder}`" not in text] == []


def test_graphs_in_text_are_graphs() -> None:
    import_module("kexport.ops")
    graphs = [text for page in PAGES for language, text in BLOCK.findall(page.read_text("utf-8")) if language == "kx"]
    assert graphs
    for text in graphs:
        verify_graph(parse_graph(text))
