"""Reads JSON within limits, and holds it against a schema.

A document of ours has at most `DEPTH` levels, whole numbers of 64 bits, no NaN, no name twice in one object and no
halves of characters. What passes is plain data that can be walked, printed and compared without more care.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from kexport.documents.malformed import Malformed

DEPTH = 64
"""Levels of lists and objects."""
SIZE = 256 << 20
"""Bytes; the layers of a large model in several engines take tens of megabytes."""
_WHOLE = range(-(2**63), 2**64)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
Validate = Callable[[Any], Any]


def validator(schema: str) -> Validate:
    """What checks a document against the schema of that name; it raises `Malformed`."""
    module = import_module(f"kexport.documents.generated.{schema}")
    found: Validate = module.validate
    return found


def read_json(path: Path, schema: str | None = None, size: int = SIZE) -> Any:
    """The document in a file.

    Raises:
        OSError: it cannot be read.
        Malformed: it is no JSON, beyond the limits, or does not keep to the schema.
    """
    with path.open("rb") as file:
        data = file.read(size + 1)
    return parse_json(data, schema, size)


def parse_json(data: bytes | str, schema: str | None = None, size: int = SIZE) -> Any:
    """The document in bytes or text.

    Raises:
        Malformed: it is no JSON, beyond the limits, or does not keep to the schema.
    """
    if len(data) > size:
        raise Malformed(f"it is longer than {size} bytes")
    try:
        text = data if isinstance(data, str) else data.decode()
        document = json.loads(text, **_HOOKS)
    except RecursionError:
        raise Malformed(f"it is nested more than {DEPTH} levels deep") from None
    except Malformed:
        raise
    except ValueError as e:
        raise Malformed(f"it is no JSON: {e}") from None
    _check_depth(document)
    if _SURROGATE.search(text):
        _check_text(document)
    if schema is not None:
        validator(schema)(document)
    return document


def _whole(digits: str) -> int:
    value = int(digits) if len(digits) <= 20 else None
    if value is None or value not in _WHOLE:
        raise Malformed(f"a whole number has {len(digits)} digits, more than 64 bits hold")
    return value


def _no_number(word: str) -> None:
    raise Malformed(f"{word} is no number of JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Malformed(f"{digits[:20]} is more than a float holds")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise Malformed(f"it has {next(n for n in names if names.count(n) > 1)!r} twice in one object")
    return made


_HOOKS: dict[str, Any] = {
    "parse_int": _whole,
    "parse_float": _finite,
    "parse_constant": _no_number,
    "object_pairs_hook": _object,
}


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(DEPTH):
        level = [node for parent in level for node in _children(parent) if isinstance(node, dict | list)]
        if not level:
            return
    raise Malformed(f"it is nested more than {DEPTH} levels deep")


def _children(node: Any) -> Any:
    return node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()


def _check_text(document: Any) -> None:
    """Raise for text that no encoding can write."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Malformed("it holds half of a character") from None
