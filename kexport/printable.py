"""Text from a stranger's file, fit to be shown: nothing in it moves the cursor, sets colours or turns words around."""

from __future__ import annotations

import json
import re
from typing import Any

_UNFIT = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""Control characters but for tab and newline, marks that turn the direction of writing, and halves of characters."""
_ANYWHERE = re.compile(f"[{_UNFIT}]")
_IN_A_LINE = re.compile(f"[{_UNFIT}\t\n]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def printable(text: str) -> str:
    """The text with escapes, such as `\\x1b`, for what a terminal would obey instead of show. Lines stay lines."""
    return _ANYWHERE.sub(_escaped, text)


def one_line(text: str) -> str:
    """The same for what has to stay on its line, such as a name."""
    return _IN_A_LINE.sub(_escaped, text)


def indented(text: str) -> str:
    """The same for a message: lines after the first begin with spaces, so that none can pass for one of ours."""
    first, *others = printable(text).split("\n")
    return "\n".join([first, *(line if line[:1] in ("", " ") else f"  {line}" for line in others)])


def json_text(document: Any) -> str:
    """A document as JSON for people, who can read its letters and are shown all else as JSON's own escapes."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    return _ANYWHERE.sub(lambda m: f"\\u{ord(m[0]):04x}", text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return _SHORT.get(match[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
