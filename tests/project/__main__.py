"""`python -m tests.project` writes the published schema of project files anew."""

from __future__ import annotations

from pathlib import Path

from tests.project.test_schema import PLACE, text_of_schema

Path(str(PLACE)).write_text(text_of_schema(), encoding="utf-8")
