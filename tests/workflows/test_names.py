"""Names of artifacts: what is found suits every file system, and what is wanted has to."""

from __future__ import annotations

import pytest

from kexport.evidence.reference_file import SUFFIX
from kexport.paths import problem_with
from kexport.workflows.choice import model_name


@pytest.mark.parametrize(
    ("found", "name"),
    [
        ("digits", "digits"),
        ("my net (2)", "my_net_2"),
        ("../x", "x"),
        ("", "model"),
        ("...", "model"),
        ("con", "model_con"),
        ("NUL.v2", "model_NUL.v2"),
        ("x" * 500, "x" * 120),
        ("ü" * 500, "model"),
    ],
)
def test_what_is_found_becomes_a_name(found: str, name: str) -> None:
    assert model_name(None, found) == name
    assert not problem_with(f"quarantine/{name}{SUFFIX}")
