"""Checks that a SavedModel has only the parts that we write, before anything else reads it, TensorFlow above all.

Protobuf merges repeated parts and skips unknown ones. A part that our writer does not write could thus hide what
TensorFlow would run, so everything that is not in the tables is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kexport.errors import EmitError
from kexport.paths import all_files
from kexport_savedmodel.operations import OPERATIONS
from kexport_savedmodel.writer import MODEL, NOTES
from kexport_shared.graphdef.wire import BYTES, FIXED32, VARINT, Field, fields

ONE = (1, 1)
MAYBE = (0, 1)
MANY = (0, 1 << 62)
"""How often a part is there: at least, at most. Protobuf leaves out zeros and empty texts."""


class Part(NamedTuple):
    """A field: its wire types, how often it is there, and the message that it holds, if it holds one."""

    wires: tuple[int, ...]
    times: tuple[int, int]
    message: str = ""


NUMBER = Part((VARINT,), MAYBE)
NUMBERS = Part((VARINT, BYTES), MANY)
TEXT = Part((BYTES,), MAYBE)
TEXTS = Part((BYTES,), MANY)
NODE = "a node"
PARTS: Mapping[str, Mapping[int, Part]] = {
    "the model": {1: NUMBER, 2: Part((BYTES,), ONE, "the graph")},
    "the graph": {
        1: Part((BYTES,), ONE, "the notes on the graph"),
        2: Part((BYTES,), ONE, "the definition"),
        4: Part((BYTES,), MAYBE, "a collection"),
        5: Part((BYTES,), MANY, "a signature"),
    },
    "the notes on the graph": {1: TEXT, 4: TEXTS, 5: TEXT, 6: TEXT, 7: NUMBER},
    "the definition": {
        1: Part((BYTES,), MANY, NODE),
        2: Part((BYTES,), MAYBE, "the library"),
        4: Part((BYTES,), ONE, "the versions"),
    },
    "the versions": {1: NUMBER},
    "the library": {1: Part((BYTES,), MANY, "a function")},
    "a function": {
        1: Part((BYTES,), ONE, "a declaration"),
        3: Part((BYTES,), MANY, NODE),
        4: Part((BYTES,), MANY, "a result"),
    },
    "a declaration": {1: TEXT, 2: Part((BYTES,), MANY, "an argument"), 3: Part((BYTES,), MANY, "an argument")},
    "an argument": {1: TEXT, 3: NUMBER},
    "a result": {1: TEXT, 2: TEXT},
    NODE: {1: TEXT, 2: TEXT, 3: TEXTS, 5: Part((BYTES,), MANY, "an attribute")},
    "an attribute": {1: TEXT, 2: Part((BYTES,), ONE, "a value")},
    "a value": {
        1: Part((BYTES,), MAYBE, "a list"),
        2: TEXT,
        3: NUMBER,
        4: Part((FIXED32,), MAYBE),
        5: NUMBER,
        6: NUMBER,
        7: Part((BYTES,), MAYBE, "a shape"),
        8: Part((BYTES,), MAYBE, "a constant"),
        10: Part((BYTES,), MAYBE, "a call"),
    },
    "a list": {2: TEXTS, 3: NUMBERS, 6: NUMBERS},
    "a shape": {2: Part((BYTES,), MANY, "a size")},
    "a size": {1: NUMBER},
    "a constant": {1: NUMBER, 2: Part((BYTES,), ONE, "a shape"), 4: TEXT, 8: TEXTS},
    "a call": {1: TEXT},
    "a collection": {1: TEXT, 2: Part((BYTES,), ONE, "a collection of nodes")},
    "a collection of nodes": {1: Part((BYTES,), ONE, "a list of nodes")},
    "a list of nodes": {1: TEXTS},
    "a signature": {1: TEXT, 2: Part((BYTES,), ONE, "the body of a signature")},
    "the body of a signature": {
        1: Part((BYTES,), MANY, "a named tensor"),
        2: Part((BYTES,), MANY, "a named tensor"),
        3: TEXT,
    },
    "a named tensor": {1: TEXT, 2: Part((BYTES,), ONE, "a tensor")},
    "a tensor": {1: TEXT, 2: NUMBER, 3: Part((BYTES,), ONE, "a shape")},
}
"""The fields of every message that the writer writes, by number, and texts that say who made a model. Source:
tensorflow/core/protobuf and framework."""
NOTES_FOLDER = NOTES.partition("/")[0]
"""Left to the user: TensorFlow reads nothing in it."""


def check_folder(path: Path) -> None:
    """Require that a folder holds the files of a SavedModel of ours and no other.

    Raises:
        EmitError: names one that TensorFlow might read beside them.
    """
    for file in all_files(path):
        found = file.relative_to(path).as_posix()
        if found != MODEL and not found.startswith(f"{NOTES_FOLDER}/"):
            raise EmitError(f"it holds {found[:200]!r}, which is no part of it", where=str(path))


def check_parts(data: memoryview, kind: str = "the model") -> None:
    """Require that a message has the parts that the writer writes, and each as often.

    Raises:
        EmitError: a part is unknown, missing or repeated, or a node's operation is not one that we emit.
    """
    known = PARTS[kind]
    times = Counter[int]()
    for field in fields(data):
        part = known.get(field.number)
        if part is None or field.wire not in part.wires:
            raise EmitError(f"{kind} has a part that kexport does not write (field {field.number})")
        times[field.number] += 1
        if part.message:
            check_parts(field.data, part.message)
        if kind == NODE and field.number == 2:
            _check_operation(field)
    for number, (least, most) in ((n, p.times) for n, p in known.items()):
        if not least <= times[number] <= most:
            raise EmitError(f"{kind} has part {number} {times[number]} times")
    if kind == "a value" and times.total() != 1:
        raise EmitError("a value has not exactly one part")


def _check_operation(field: Field) -> None:
    name = bytes(field.data[:80]).decode("utf-8", "replace")
    if name not in OPERATIONS:
        raise EmitError(f"it has the operation {name!r}, which kexport does not write; it is not run")
