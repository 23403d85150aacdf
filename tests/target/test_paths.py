"""A path that a file names stays inside the folder of that file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kexport.errors import EmitError, VerifyError
from kexport.paths import inside, is_inside, problem_with

SAFE = ["a", "net.tfjs/model.json", ".hidden", "ü/…", "a..b", "console", "com10.txt", "a" * 200]
UNSAFE = [
    "", "/a", "a/", "a//b", "./a", "a/.", "a/..", "..", "../a", "a/../../b", "a\\b", "..\\a", "a:b", "C:/a", "//host/a",
    "http://host/a", "a\x00", "a\nb", "\x1b[0m", "a*", "nul", "a/CON", "com1.txt", "a.", "a ", "...",
    "\ud800", "a" * 201, "ü" * 101, "a/" * 600 + "a", None, 3, ["a"], b"a",
]  # fmt: skip


@pytest.mark.parametrize("path", SAFE)
def test_safe_paths(path: str) -> None:
    assert is_inside(path)


@pytest.mark.parametrize("path", UNSAFE, ids=lambda p: repr(p)[:20])
def test_unsafe_paths(path: Any, tmp_path: Path) -> None:
    assert problem_with(path)
    with pytest.raises(VerifyError, match="which "):
        inside(tmp_path, path)


def test_what_is_inside_is_given_as_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").touch()
    (tmp_path / "link").symlink_to("sub/a")
    assert inside(tmp_path, "sub/a") == tmp_path / "sub" / "a"
    assert inside(tmp_path, "link") == tmp_path / "link"
    assert inside(tmp_path, "sub/none") == tmp_path / "sub" / "none"


def test_links_that_lead_out(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").touch()
    (folder / "link").symlink_to("../secret")
    (folder / "up").symlink_to("..")
    for path in ("link", "up/secret", "up/none"):
        with pytest.raises(EmitError, match="is a link that leads out of its folder"):
            inside(folder, path, EmitError)


def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert not inside(tmp_path, "a").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(VerifyError, match="is no regular file"):
        inside(tmp_path, "pipe")
