"""Reads the text form of a graph back."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any, NoReturn, TypeVar

import numpy as np

from kexport.documents.read import parse_json
from kexport.errors import GraphError
from kexport.ir.attributes import fits
from kexport.ir.dim import UndecidableDim
from kexport.ir.dim_parser import parse_dim
from kexport.ir.graph import Graph, Value
from kexport.ir.op import OPS, Array, Op
from kexport.ir.types import DType, TensorType

T = TypeVar("T")
MAX_DEPTH = 32
"""The deepest nesting of graphs and lists."""
MAX_MADE = 1 << 24
"""The most elements of a constant that is not written out."""
_WRONG = (
    GraphError,
    UndecidableDim,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
)
"""What ops and NumPy raise on malformed attributes, operands and numbers."""
_SPACE = re.compile(r"(?:\s|;[^\n]*)*")
_VALUE = re.compile(r'%(?:([A-Za-z0-9_.]+)|("(?:[^"\\]|\\.)*"))')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TYPE = re.compile(r"\w+\s*\[")
_HASH = re.compile(r"#([0-9a-f]+)")
_REAL = r"(?:inf|nan|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"
_NUMBER = re.compile(rf"-?{_REAL}(?:j|[+-]{_REAL}j)?")
_GRAPH = re.compile(r'graph\s*"')
_FLOAT = re.compile(r"-?(?:inf|nan|\d+\.\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)")
_LONGEST_LINE = 400
"""Characters shown of a line with a fault."""
_KEYWORDS = {"true": True, "false": False, "none": None}


def parse_graph(
    text: str, constants: Mapping[str, Array] | None = None, absent: Callable[[TensorType], Array] | None = None
) -> Graph:
    """Parse the text of a graph. `constants` holds the arrays printed as a hash; `absent` makes those it lacks.

    Result types may be left out and are inferred. Besides `#hash`, a constant may be written `splat(0.5)`
    or `random(7)` (standard normal numbers from that seed), for tests.

    Raises:
        GraphError: with the line and column of the fault.
    """
    import_module("kexport.ops")  # fills the table of ops
    parser = _Parser(text, constants or {}, absent)
    graph = parser.graph()
    parser.skip()
    if parser.at < len(text):
        parser.fail("text after the end of the graph")
    return graph


class _Parser:
    def __init__(self, text: str, constants: Mapping[str, Array], absent: Callable[[TensorType], Array] | None):
        self.text = text
        self.constants = constants
        self.absent = absent
        self.at = self.depth = 0
        self.env: dict[str, Value] = {}

    # --- scanning

    def fail(self, message: str) -> NoReturn:
        line = self.text.count("\n", 0, self.at) + 1
        start = self.text.rfind("\n", 0, self.at) + 1
        source = self.text[start:].split("\n", 1)[0]
        caret = " " * (self.at - start) + "^"
        shown = f"\n    {source}\n    {caret}" if len(source) <= _LONGEST_LINE else ""
        raise GraphError(f"line {line}: {message}{shown}")

    def guard(self, start: int, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function and make its errors point at `start`."""
        try:
            return function(*arguments)
        except _WRONG as e:
            self.at = start
            self.fail(str(e) or type(e).__name__)

    @contextmanager
    def deeper(self) -> Generator[None]:
        """Enter a nested graph or list."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"graphs and lists are nested more than {MAX_DEPTH} levels deep")
        yield
        self.depth -= 1

    def skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def peek(self, token: str) -> bool:
        self.skip()
        return self.text.startswith(token, self.at)

    def accept(self, token: str) -> bool:
        found = self.peek(token)
        self.at += len(token) * found
        return found

    def expect(self, token: str) -> None:
        if not self.accept(token):
            self.fail(f"expected {token!r}")

    def take(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        self.skip()
        match = pattern.match(self.text, self.at)
        if not match:
            self.fail(f"expected {what}")
        self.at = match.end()
        return match

    def string(self) -> str:
        return self.unquoted(self.take(_STRING, "a string")[0])

    def unquoted(self, text: str) -> str:
        """Decode the text of a string literal."""
        return self.guard(self.at - len(text), parse_json, text)

    def value_name(self) -> str:
        match = self.take(_VALUE, "a value such as %x")
        return match[1] or self.unquoted(match[2])

    def until(self, stops: str) -> str:
        """Read up to a stop character outside brackets."""
        self.skip()
        start = self.at
        depth = 0
        while self.at < len(self.text):
            c = self.text[self.at]
            if not depth and c in stops:
                return self.text[start : self.at].strip()
            depth += (c in "([{") - (c in ")]}")
            self.at += 1
        return self.fail(f"expected one of {stops!r}")

    # --- grammar

    def graph(self) -> Graph:
        outer = self.env
        self.env = {}
        self.expect("graph")
        graph = Graph(self.string())
        self.expect("(")
        while not self.accept(")"):
            name = self.value_name()
            self.expect(":")
            self.define(name, graph.input(name, self.type()))
            self.accept(",")
        self.expect("{")
        while not self.accept("return"):
            self.statement(graph)
        while not self.accept("}"):
            self.skip()
            start = self.at
            name = self.string()
            self.expect(":")
            self.guard(start, graph.output, name, self.use())
            self.accept(",")
        self.env = outer
        return graph

    def type(self) -> TensorType:
        start = self.take(_TYPE, "a type such as f32[batch,3]").start()
        self.until("]")
        self.expect("]")
        return self.guard(start, TensorType.parse, self.text[start : self.at])

    def statement(self, graph: Graph) -> None:
        results: list[tuple[str, TensorType | None]] = []
        while True:
            name = self.value_name()
            results.append((name, self.type() if self.accept(":") else None))
            if not self.accept(","):
                break
        self.expect("=")
        word = self.take(_WORD, "an op")[0]
        if word == "const":
            if len(results) != 1:
                self.fail(f"const has one result, {len(results)} are named")
            self.constant(graph, *results[0])
        else:
            self.node(graph, word, results)

    def node(self, graph: Graph, word: str, results: list[tuple[str, TensorType | None]]) -> None:
        if word not in OPS:
            self.fail(f"there is no op {word!r}")
        at = self.at
        self.expect("(")
        operands: list[Value] = []
        while not self.accept(")"):
            operands.append(self.use())
            self.accept(",")
        op = self.op(OPS[word])
        origin = self.string() if self.accept("@") else ""
        node = self.guard(at, partial(graph.add, origin=origin), op, *operands)
        if len(results) != len(node.outputs):
            self.fail(f"{word} has {len(node.outputs)} results, {len(results)} are named")
        for (name, declared), value in zip(results, node.outputs, strict=True):
            if declared is not None and declared != value.type:
                self.fail(f"%{name} is declared {declared}, inferred is {value.type}")
            value.name = "" if name.isdigit() else name
            self.define(name, value)

    def define(self, name: str, value: Value) -> None:
        if name in self.env:
            self.fail(f"%{name} is defined twice")
        self.env[name] = value

    def use(self) -> Value:
        self.skip()
        start = self.at
        name = self.value_name()
        if name not in self.env:
            self.at = start
            self.fail(f"%{name} is not defined")
        return self.env[name]

    def op(self, kind: type[Op]) -> Op:
        fields = {f.name: f for f in dataclasses.fields(kind)}
        values: dict[str, Any] = {}
        if self.accept("{"):
            while not self.accept("}"):
                key = self.take(_WORD, "an attribute")[0]
                if key not in fields:
                    self.fail(f"{kind.name} has no attribute {key!r}")
                self.expect("=")
                values[key] = self.attribute("DType" in str(fields[key].type))
                self.accept(",")
        for field in fields.values():
            if field.default is dataclasses.MISSING and field.name not in values:
                self.fail(f"{kind.name} needs the attribute {field.name!r}")
        for key, value in values.items():
            if not fits(value, str(fields[key].type)):
                self.fail(f"{kind.name} takes {fields[key].type} for the attribute {key!r}")
        return self.guard(self.at, partial(kind, **values))

    def attribute(self, is_dtype: bool) -> Any:
        if self.peek('"'):
            return self.string()
        if _GRAPH.match(self.text, self.at):
            with self.deeper():
                return self.graph()
        if self.accept("["):
            return tuple(self.items(partial(self.attribute, is_dtype)))
        self.skip()
        start = self.at
        word = self.until(",]}")
        if word in _KEYWORDS:
            return _KEYWORDS[word]
        if _FLOAT.fullmatch(word):
            return float(word)
        return self.guard(start, DType.parse if is_dtype else parse_dim, word)

    def items(self, item: Callable[[], T]) -> list[T]:
        """Read the rest of a list after its opening bracket."""
        found: list[T] = []
        with self.deeper():
            while not self.accept("]"):
                found.append(item())
                self.accept(",")
        return found

    # --- constants

    def constant(self, graph: Graph, name: str, type: TensorType | None) -> None:
        if type is None or not type.is_static:
            self.fail("a constant needs a static type")
        data = self.data(type)
        if (actual := TensorType.of(data)) != type:
            self.fail(f"%{name} is declared {type}, the data is {actual}")
        self.define(name, graph.constant(data, "" if name.isdigit() else name))

    def data(self, type: TensorType) -> Array:
        self.skip()
        dtype = type.dtype.numpy
        shape = type.shape
        start = self.at
        if self.peek("#"):
            key = self.take(_HASH, "a hash")[1]
            if key in self.constants:
                return self.constants[key]
            return self.absent(type) if self.absent else self.fail(f"the constant #{key} is not in the table")
        for word, make in _MADE.items():
            if self.accept(word):
                if not isinstance(type.numel, int) or type.numel > MAX_MADE:
                    self.fail(f"a constant that is not written out has at most {MAX_MADE} elements")
                return self.guard(start, make, shape, self.argument(), dtype)
        return self.guard(start, np.asarray, self.literal(), dtype)

    def argument(self) -> Any:
        self.expect("(")
        value = self.literal()
        self.expect(")")
        return value

    def literal(self) -> Any:
        if self.accept("["):
            return self.items(self.literal)
        if self.peek('"'):
            return self.string()
        for word in ("true", "false"):
            if self.accept(word):
                return _KEYWORDS[word]
        text = self.take(_NUMBER, "a number")[0]
        kind = complex if text.endswith("j") else float if _FLOAT.fullmatch(text) else int
        return self.guard(self.at - len(text), kind, text)


def _random(shape: tuple[int, ...], seed: Any, dtype: np.dtype[Any]) -> Array:
    return np.random.default_rng(int(seed)).standard_normal(shape).astype(dtype)


_MADE: dict[str, Callable[[Any, Any, Any], Array]] = {"splat": np.full, "random": _random}
