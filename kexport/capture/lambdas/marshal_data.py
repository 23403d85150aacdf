"""Reads what Python's `marshal` wrote, of any CPython from 2.7 to 3.13, as plain data.

The `marshal` module itself reads its own version alone, and may crash on damaged bytes. The format is that of
Python/marshal.c: a type byte, its high bit marking an object that is referred to later, and the payload.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 40
"""How deep values may be nested: constants of functions in functions."""
REFERENCED = 0x80
"""The bit of a type byte that says that the object is referred to later."""


class Unreadable(Exception):
    """The bytes do not fit this layout; `place` counts the instructions understood before."""

    def __init__(self, why: str, place: int = 0):
        super().__init__(why)
        self.place = place


@dataclass(frozen=True)
class Code:
    """A compiled function, without the parts that only tracebacks need."""

    arguments: int
    """How many positional parameters it has; they are the first names."""
    keyword_only: int
    code: bytes
    constants: tuple[Any, ...]
    names: tuple[str, ...]
    """Of globals and attributes."""
    variables: tuple[str, ...]
    """Parameters, then other locals."""
    cells: tuple[str, ...]
    """Variables of the function that functions inside of it use."""
    free: tuple[str, ...]
    """Variables of a function around it, whose values the file has beside the code."""
    name: str
    flags: int


@dataclass(frozen=True)
class Layout:
    """The order of the fields of a code object, which changed three times."""

    fields: tuple[str, ...]


_HEAD = ("argcount", "kwonlyargcount", "nlocals", "stacksize", "flags")
_BODY = ("code", "consts", "names", "varnames", "freevars", "cellvars", "filename", "name")
LAYOUTS = {
    (2, 7): Layout(("argcount", "nlocals", "stacksize", "flags", *_BODY, "firstlineno", "lnotab")),
    (3, 6): Layout((*_HEAD, *_BODY, "firstlineno", "lnotab")),
    (3, 8): Layout(("argcount", "posonlyargcount", *_HEAD[1:], *_BODY, "firstlineno", "lnotab")),
    (3, 11): Layout(
        ("argcount", "posonlyargcount", "kwonlyargcount", "stacksize", "flags", "code", "consts", "names",
         "localsplusnames", "localspluskinds", "filename", "name", "qualname", "firstlineno", "linetable",
         "exceptiontable")
    ),
}  # fmt: skip
"""The first version with each layout."""
NUMBERS = {
    "argcount",
    "posonlyargcount",
    "kwonlyargcount",
    "nlocals",
    "stacksize",
    "flags",
    "firstlineno",
}
LOCAL = 0x20
CELL = 0x40
FREE = 0x80
"""The kinds of names in `localspluskinds`."""


def read_code(data: bytes, layout: Layout) -> Code:
    """The function in marshalled bytes.

    Raises:
        Unreadable: these are no bytes of this layout, or no function.
    """
    reader = _Reader(data, layout)
    try:
        value = reader.value(0)
    except (struct.error, IndexError, UnicodeDecodeError, OverflowError, ValueError, TypeError, KeyError) as e:
        raise Unreadable(f"{type(e).__name__}: {e}") from e
    if not isinstance(value, Code) or reader.place != len(data):
        raise Unreadable("it is no function, or more than one")
    return value


class _Reader:
    """Reads values from a place that moves on."""

    def __init__(self, data: bytes, layout: Layout):
        self.data = data
        self.layout = layout
        self.place = 0
        self.known: list[Any] = []
        self.interned: list[Any] = []

    def value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise Unreadable("it is nested too deep")
        kind = self._bytes(1)[0]
        read = _READERS.get(chr(kind & ~REFERENCED))
        if read is None:
            raise Unreadable(f"type {kind:#x}")
        if not kind & REFERENCED:
            return read(self, depth)
        place = len(self.known)
        self.known.append(None)
        self.known[place] = read(self, depth)
        return self.known[place]

    def _bytes(self, count: int) -> bytes:
        if count < 0 or self.place + count > len(self.data):
            raise Unreadable("it ends too early")
        self.place += count
        return self.data[self.place - count : self.place]

    def unpack(self, form: str) -> Any:
        return struct.unpack("<" + form, self._bytes(struct.calcsize("<" + form)))[0]

    def long(self, depth: int) -> int:
        size = self.unpack("i")
        total = sum(self.unpack("h") << (15 * i) for i in range(abs(size)))
        return -total if size < 0 else total

    def text(self, size: int, encoding: str) -> str:
        return self._bytes(size).decode(encoding, "surrogatepass" if encoding == "utf-8" else "strict")

    def string(self, depth: int) -> bytes:
        return self._bytes(self.unpack("i"))

    def interned_string(self, depth: int) -> str:
        self.interned.append(self.text(self.unpack("i"), "utf-8"))
        return self.interned[-1]

    def items(self, count: int, depth: int) -> list[Any]:
        if count > len(self.data) - self.place:
            raise Unreadable("it ends too early")
        return [self.value(depth + 1) for _ in range(count)]

    def decimal(self, depth: int) -> float:
        return float(self._bytes(self.unpack("B")))

    def code(self, depth: int) -> Code:
        fields: dict[str, Any] = {}
        for field in self.layout.fields:
            fields[field] = self.unpack("i") if field in NUMBERS else self.value(depth + 1)
        return _code(fields)


def _code(fields: dict[str, Any]) -> Code:
    free = fields.get("freevars", ())
    cells = fields.get("cellvars", ())
    variables = fields.get("varnames", ())
    if "localsplusnames" in fields:
        kinds = list(zip(fields["localsplusnames"], fields["localspluskinds"], strict=True))
        variables = tuple(n for n, _ in kinds)
        cells = tuple(n for n, kind in kinds if kind & CELL)
        free = tuple(n for n, kind in kinds if kind & FREE)
    if not isinstance(fields["code"], bytes):
        raise Unreadable("its code is no string of bytes")
    return Code(
        fields["argcount"],
        fields.get("kwonlyargcount", 0),
        fields["code"],
        tuple(fields["consts"]),
        tuple(map(_text, fields["names"])),
        tuple(map(_text, variables)),
        tuple(map(_text, cells)),
        tuple(map(_text, free)),
        _text(fields["name"]),
        fields["flags"],
    )


def _text(value: Any) -> str:
    """A name; Python 2 wrote names as bytes."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


Read = Callable[[_Reader, int], Any]
_READERS: dict[str, Read] = {
    "N": lambda r, d: None,
    "T": lambda r, d: True,
    "F": lambda r, d: False,
    ".": lambda r, d: Ellipsis,
    "i": lambda r, d: r.unpack("i"),
    "I": lambda r, d: r.unpack("q"),
    "l": _Reader.long,
    "f": _Reader.decimal,
    "g": lambda r, d: r.unpack("d"),
    "s": _Reader.string,
    "t": _Reader.interned_string,
    "R": lambda r, d: r.interned[r.unpack("i")],
    "r": lambda r, d: r.known[r.unpack("i")],
    "u": lambda r, d: r.text(r.unpack("i"), "utf-8"),
    "a": lambda r, d: r.text(r.unpack("i"), "ascii"),
    "A": lambda r, d: r.text(r.unpack("i"), "ascii"),
    "z": lambda r, d: r.text(r.unpack("B"), "ascii"),
    "Z": lambda r, d: r.text(r.unpack("B"), "ascii"),
    "(": lambda r, d: tuple(r.items(r.unpack("i"), d)),
    ")": lambda r, d: tuple(r.items(r.unpack("B"), d)),
    "[": lambda r, d: r.items(r.unpack("i"), d),
    "c": _Reader.code,
}
"""How each type is read; types that no constant of a function has are left out."""
