"""`python -m tests.documents` makes the validators of all schemas anew."""

from __future__ import annotations

from tests.documents.generate import generate

for path in generate():
    print(path)
