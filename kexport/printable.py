"""Makes text from a stranger's file safe to print: nothing in it moves the cursor, sets colours or reorders words."""

from __future__ import annotations

import json
import re
from typing import Any

_UNFIT = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""Control characters except tab and newline, marks that change the direction of writing, and lone surrogates."""
_ANYWHERE = re.compile(f"[{_UNFIT}]")
_IN_A_LINE = re.compile(f"[{_UNFIT}\t\n]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def printable(text: str) -> str:
    """Escape what a terminal would obey instead of show, as `\\x1b`. Lines stay lines."""
    return _ANYWHERE.sub(_escaped, text)


def counted(count: int, noun: str) -> str:
    """Return a number with what it counts: `1 thread`, `2 threads`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def one_line(text: str) -> str:
    """Escape a text that must stay on its line, such as a name."""
    return _IN_A_LINE.sub(_escaped, text)


def indented(text: str) -> str:
    """Escape a message: lines after the first are indented, so that none can pass for one of ours."""
    first, *others = printable(text).split("\n")
    return "\n".join([first, *(line if line[:1] in ("", " ") else f"  {line}" for line in others)])


def json_text(document: Any) -> str:
    """Format a document as JSON for people: letters are shown, everything unprintable as JSON's escapes."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    return _ANYWHERE.sub(lambda m: f"\\u{ord(m[0]):04x}", text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return _SHORT.get(match[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
