"""`kexport vocabulary`: what is passed on, and what is printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kexport.capture.vocabulary import Vocabulary
from tests.cli.conftest import Run


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []

    def write(*args: Any, **kwargs: Any) -> Any:
        found.append((args, kwargs))
        return [
            (Path("out/net.text.vocabulary.txt"), Vocabulary("text", "TextVectorization", ("", "a"), {"ngrams": 2}))
        ]

    monkeypatch.setattr("kexport.workflows.vocabularies.write_vocabularies", write)
    return found


def test_it_says_what_it_wrote(run: Run, made: list[Any]) -> None:
    result = run("vocabulary", "m.keras", "-o", "out", "--name", "n", "--trust", "--custom", "a")
    assert result.stdout == "out/net.text.vocabulary.txt: 2 tokens of TextVectorization text\n"
    assert made == [(("m.keras", "out"), {"name": "n", "trust": True, "custom": ("a",)})]
    assert run("vocabulary", "m.keras", "-q").output == ""


def test_in_json(run: Run, made: list[Any]) -> None:
    assert json.loads(run("vocabulary", "m.keras", "--json").stdout) == {
        "vocabularies": [
            {
                "layer": "text",
                "class": "TextVectorization",
                "size": 2,
                "settings": {"ngrams": 2},
                "path": "out/net.text.vocabulary.txt",
            }
        ]
    }
