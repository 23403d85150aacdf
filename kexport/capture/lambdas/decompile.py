"""Turns the bytecode of a small function into the expression that it returns.

Only straight-line code is understood: no branch, no loop, no inner function. That is what `Lambda` layers hold;
anything else is refused. Nothing is run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kexport.capture.lambdas.expression import (
    NONE,
    Argument,
    Attribute,
    Call,
    Constant,
    Expression,
    Item,
    Name,
    Operation,
    Sequence,
    Slice,
)
from kexport.capture.lambdas.instructions import Version, instructions
from kexport.capture.lambdas.marshal_data import Code, Unreadable

NULL = Name("<null>")
"""The marker that CPython pushes beside a function that is not a method."""
UNARY = {"UNARY_NEGATIVE": "-", "UNARY_POSITIVE": "+"}
BINARY = {
    "ADD": "+",
    "SUBTRACT": "-",
    "MULTIPLY": "*",
    "TRUE_DIVIDE": "/",
    "DIVIDE": "/",
    "POWER": "**",
    "FLOOR_DIVIDE": "//",
    "MODULO": "%",
    "MATRIX_MULTIPLY": "@",
}
BINARY_OP = ("+", "&", "//", "<<", "@", "*", "%", "|", "**", ">>", "-", "/", "^")
"""The signs by the number after BINARY_OP; those that assign follow in the same order."""
COMPARISONS = ("<", "<=", "==", "!=", ">", ">=", "in", "not in", "is", "is not")
COMPARISON_SHIFT = {(3, 12): 4, (3, 13): 5}
"""How many bits of COMPARE_OP's number are for the interpreter itself."""
IGNORED = {"NOP", "RESUME", "COPY_FREE_VARS", "PRECALL", "CACHE"}


def decompile(code: Code, version: Version) -> Expression:
    """Return the function's result as an expression of its parameters; other names are left as they are.

    Raises:
        Unreadable: it does more than to compute one expression, or is of another dialect.
    """
    machine = _Machine(code, version)
    try:
        for name, argument in instructions(code, version):
            machine.step(name, argument)
            machine.place += 1
            if machine.result is not None:
                return machine.result
        raise Unreadable("it returns nothing")
    except (IndexError, KeyError, ValueError, TypeError) as e:
        raise Unreadable("its instructions do not fit each other", machine.place) from e
    except Unreadable as e:
        raise Unreadable(str(e), machine.place) from e


class _Machine:
    """A stack of expressions, and what the local variables hold."""

    def __init__(self, code: Code, version: Version):
        self.code = code
        self.version = version
        self.stack: list[Expression] = []
        count = code.arguments + code.keyword_only
        self.locals: dict[str, Expression] = {n: Argument(i) for i, n in enumerate(code.variables[:count])}
        self.keywords: tuple[str, ...] = ()
        self.result: Expression | None = None
        self.place = 0

    def step(self, name: str, argument: int) -> None:
        if name in IGNORED:
            return
        if name in UNARY:
            self.push(Operation(UNARY[name], (self.pop(),)))
        elif name.partition("_")[2] in BINARY and name.startswith(("BINARY_", "INPLACE_")):
            self.binary(BINARY[name.partition("_")[2]])
        else:
            _STEPS[name](self, argument)

    def push(self, *values: Expression) -> None:
        self.stack += values

    def pop(self) -> Expression:
        return self.stack.pop()

    def take(self, count: int) -> tuple[Expression, ...]:
        """The topmost values, in the order in which they were pushed."""
        if count > len(self.stack):
            raise IndexError
        values = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return values

    def binary(self, sign: str) -> None:
        self.push(Operation(sign, self.take(2)))

    # --- names

    def constant(self, argument: int) -> None:
        self.push(Constant(self.code.constants[argument]))

    def load(self, argument: int) -> None:
        self.push(self.locals[self.code.variables[argument]])

    def store(self, argument: int) -> None:
        self.locals[self.code.variables[argument]] = self.pop()

    def load_two(self, argument: int) -> None:
        self.load(argument >> 4)
        self.load(argument & 15)

    def store_and_load(self, argument: int) -> None:
        self.store(argument >> 4)
        self.load(argument & 15)

    def store_two(self, argument: int) -> None:
        self.store(argument >> 4)
        self.store(argument & 15)

    def outer(self, argument: int) -> None:
        """A variable of a function around this one; from 3.11 on numbered with the locals."""
        names = self.code.variables if self.version >= (3, 11) else (*self.code.cells, *self.code.free)
        name = names[argument]
        self.push(self.locals[name] if name in self.locals else Name(name))

    def name(self, argument: int) -> None:
        if self.version < (3, 11):
            self.push(Name(self.code.names[argument]))
            return
        value = Name(self.code.names[argument >> 1])
        null = [NULL] if argument & 1 else []
        self.push(*([value, *null] if self.version >= (3, 13) else [*null, value]))

    def attribute(self, argument: int) -> None:
        if self.version < (3, 12):
            self.push(Attribute(self.pop(), self.code.names[argument]))
            return
        value = Attribute(self.pop(), self.code.names[argument >> 1])
        self.push(*([value, NULL] if argument & 1 else [value]))

    def method(self, argument: int) -> None:
        self.push(NULL, Attribute(self.pop(), self.code.names[argument]))

    def import_name(self, argument: int) -> None:
        """`import a.b` gives `a`, and `from a.b import c` gives `a.b`, of which IMPORT_FROM takes `c`."""
        _, wanted = self.take(2)
        first, *rest = self.code.names[argument].split(".")
        value: Expression = Name(first)
        for part in rest if wanted != NONE else []:
            value = Attribute(value, part)
        self.push(value)

    def import_from(self, argument: int) -> None:
        self.push(Attribute(self.stack[-1], self.code.names[argument]))

    # --- calls

    def call_old(self, argument: int) -> None:
        """Until 3.5: the low byte counts values, the high one pairs of a name and a value."""
        pairs = self.take(2 * (argument >> 8))
        values = self.take(argument & 255)
        names = [str(_value(n)) for n in pairs[::2]]
        self.push(Call(self.pop(), values, tuple(zip(names, pairs[1::2], strict=True))))

    def call_function(self, argument: int) -> None:
        if self.version < (3, 6):
            self.call_old(argument)
        else:
            values = self.take(argument)
            self.push(Call(self.pop(), values))

    def call_with_names(self, argument: int) -> None:
        """From 3.6 to 3.10, and again in 3.13: the names of the last arguments are on top."""
        if self.version < (3, 6):
            raise Unreadable("it passes a dictionary of arguments")
        names = tuple(_value(self.pop()))
        self.apply(self.take(argument), names)

    def call(self, argument: int) -> None:
        names = self.keywords
        self.keywords = ()
        self.apply(self.take(argument), names)

    def apply(self, values: tuple[Expression, ...], names: tuple[str, ...]) -> None:
        if self.version >= (3, 11):
            (function,) = [f for f in self.take(2) if f != NULL] or [NULL]
        else:
            function = self.pop()
        split = len(values) - len(names)
        self.push(Call(function, values[:split], tuple(zip(names, values[split:], strict=True))))

    def call_method(self, argument: int) -> None:
        values = self.take(argument)
        _, function = self.take(2)
        self.push(Call(function, values))

    def keyword_names(self, argument: int) -> None:
        self.keywords = tuple(self.code.constants[argument])

    # --- tuples, indices, comparisons

    def build(self, argument: int) -> None:
        self.push(Sequence(self.take(argument)))

    def extend(self, argument: int) -> None:
        made, more = self.take(2)
        if made != Sequence(()) or not isinstance(more, Constant):
            raise Unreadable("it extends a list")
        self.push(more)

    def unpack(self, argument: int) -> None:
        value = self.pop()
        items = value.items if isinstance(value, Sequence) else None
        parts = items or tuple(Item(value, Constant(i)) for i in range(argument))
        self.push(*reversed(parts))

    def item(self, argument: int) -> None:
        self.push(Item(*self.take(2)))

    def build_slice(self, argument: int) -> None:
        self.push(Slice(self.take(argument)))

    def slice_item(self, argument: int) -> None:
        base, start, stop = self.take(3)
        self.push(Item(base, Slice((start, stop))))

    def old_slice(self, has_start: bool, has_stop: bool) -> None:
        """Python 2's SLICE+N: `base[start:stop]`."""
        stop = self.pop() if has_stop else NONE
        start = self.pop() if has_start else NONE
        self.push(Item(self.pop(), Slice((start, stop))))

    def binary_op(self, argument: int) -> None:
        self.binary(BINARY_OP[argument % len(BINARY_OP)])

    def compare(self, argument: int) -> None:
        self.binary(COMPARISONS[argument >> COMPARISON_SHIFT.get(self.version, 0)])

    # --- the stack itself

    def rotate(self, count: int) -> None:
        self.stack.insert(len(self.stack) - count, self.stack.pop())

    def swap(self, argument: int) -> None:
        self.stack[-argument], self.stack[-1] = self.stack[-1], self.stack[-argument]

    def copy(self, argument: int) -> None:
        self.push(self.stack[-argument])

    def returned(self, argument: int) -> None:
        self.result = self.pop()

    def returned_constant(self, argument: int) -> None:
        self.result = Constant(self.code.constants[argument])


def _value(expression: Expression) -> Any:
    if not isinstance(expression, Constant):
        raise Unreadable("the names of arguments are computed")
    return expression.value


_STEPS: dict[str, Callable[[_Machine, int], None]] = {
    "POP_TOP": lambda m, a: m.stack.__delitem__(-1),
    "DUP_TOP": lambda m, a: m.copy(1),
    "COPY": _Machine.copy,
    "SWAP": _Machine.swap,
    "ROT_TWO": lambda m, a: m.rotate(1),
    "ROT_THREE": lambda m, a: m.rotate(2),
    "PUSH_NULL": lambda m, a: m.push(NULL),
    "LOAD_CONST": _Machine.constant,
    "LOAD_NAME": lambda m, a: m.push(Name(m.code.names[a])),
    "LOAD_GLOBAL": _Machine.name,
    "LOAD_FAST": _Machine.load,
    "LOAD_FAST_CHECK": _Machine.load,
    "LOAD_FAST_LOAD_FAST": _Machine.load_two,
    "STORE_FAST": _Machine.store,
    "STORE_FAST_LOAD_FAST": _Machine.store_and_load,
    "STORE_FAST_STORE_FAST": _Machine.store_two,
    "LOAD_DEREF": _Machine.outer,
    "LOAD_ATTR": _Machine.attribute,
    "LOAD_METHOD": _Machine.method,
    "IMPORT_NAME": _Machine.import_name,
    "IMPORT_FROM": _Machine.import_from,
    "CALL_FUNCTION": _Machine.call_function,
    "CALL_FUNCTION_KW": _Machine.call_with_names,
    "CALL_KW": _Machine.call_with_names,
    "CALL_METHOD": _Machine.call_method,
    "CALL": _Machine.call,
    "KW_NAMES": _Machine.keyword_names,
    "BUILD_TUPLE": _Machine.build,
    "BUILD_LIST": _Machine.build,
    "LIST_EXTEND": _Machine.extend,
    "UNPACK_SEQUENCE": _Machine.unpack,
    "BINARY_SUBSCR": _Machine.item,
    "BINARY_SLICE": _Machine.slice_item,
    "BUILD_SLICE": _Machine.build_slice,
    "SLICE+0": lambda m, a: m.old_slice(False, False),
    "SLICE+1": lambda m, a: m.old_slice(True, False),
    "SLICE+2": lambda m, a: m.old_slice(False, True),
    "SLICE+3": lambda m, a: m.old_slice(True, True),
    "BINARY_OP": _Machine.binary_op,
    "COMPARE_OP": _Machine.compare,
    "RETURN_VALUE": _Machine.returned,
    "RETURN_CONST": _Machine.returned_constant,
}
"""The effect of each instruction, besides arithmetic."""
