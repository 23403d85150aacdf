"""Guards the terminal: escapes control characters in everything that this process prints."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from kexport.printable import printable


class Plain:
    """A text stream that escapes control characters. `stream` is the underlying one, for our own colours."""

    def __init__(self, stream: Any):
        self.stream: Any = beneath(stream)
        self.buffer = _Bytes(self)

    def write(self, text: str) -> int:
        self.stream.write(printable(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __iter__(self) -> Any:
        return iter(self.stream)


class _Bytes:
    """Accepts bytes for a text stream, so that they are escaped too."""

    def __init__(self, plain: Plain):
        self._plain = plain

    def write(self, data: Any) -> int:
        self._plain.write(bytes(data).decode(errors="backslashreplace"))
        return len(data)

    def flush(self) -> None:
        self._plain.flush()


def beneath(stream: Any) -> TextIO:
    """The underlying stream, which takes colours."""
    found: TextIO = stream.stream if isinstance(stream, Plain) else stream
    return found


@contextmanager
def plain_streams() -> Iterator[None]:
    """Make stdout and stderr escape control characters until the block ends."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (None if s is None else Plain(s) for s in before)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
