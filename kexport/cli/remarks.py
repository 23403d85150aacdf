"""Prints kexport's remarks, which are Python warnings to a program, as one line each on stderr."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kexport.errors import KexportWarning


@contextmanager
def remarks_in_one_line() -> Iterator[None]:
    """Print each warning of kexport once while entered, without the place in its code."""
    before = warnings.showwarning
    said = set[str]()

    def show(
        message: Any, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        if not issubclass(category, KexportWarning):
            before(message, category, filename, lineno, file, line)
        elif str(message) not in said:
            said.add(str(message))
            print("note: " + " ".join(str(message).split()), file=sys.stderr)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before
