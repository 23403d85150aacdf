"""The published schema of project files is the one that the types make, and decides as they do."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files

import jsonschema
import pytest

from kexport.project.schema import Project, json_schema
from kexport.project.typed import Wrong, check
from tests.project.test_find import GOOD, WRONG
from tests.project.test_models import FULL

PLACE = files("kexport.project") / "project.schema.json"


def test_the_published_schema_is_that_of_the_types() -> None:
    """If not, run `python -m tests.project`."""
    assert PLACE.read_text(encoding="utf-8") == text_of_schema()


def text_of_schema() -> str:
    return json.dumps(json_schema(), indent=2) + "\n"


@pytest.mark.parametrize("text", [GOOD, FULL, *(text for text, *_ in WRONG.values())])
def test_the_schema_decides_as_the_reader_does(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    judge = jsonschema.Draft202012Validator(json_schema())
    judge.check_schema(json_schema())
    try:
        check(document, Project)
    except Wrong:
        assert not judge.is_valid(document)
    else:
        assert judge.is_valid(document)
