"""What a small function computes, as data: a tree of names, constants, calls and arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union


@dataclass(frozen=True)
class Argument:
    """A parameter of the function, by its number."""

    index: int


@dataclass(frozen=True)
class Constant:
    """A number, text, None, an Ellipsis, or a tuple of such."""

    value: Any


@dataclass(frozen=True)
class Name:
    """A global name, such as `K`, which the file does not explain."""

    name: str


@dataclass(frozen=True)
class Attribute:
    """`base.name`."""

    base: Expression
    name: str


@dataclass(frozen=True)
class Call:
    """`function(*arguments, **keywords)`."""

    function: Expression
    arguments: tuple[Expression, ...]
    keywords: tuple[tuple[str, Expression], ...] = ()


@dataclass(frozen=True)
class Operation:
    """Arithmetic or a comparison of one or two operands, by Python's sign for it."""

    sign: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True)
class Item:
    """`base[index]`."""

    base: Expression
    index: Expression


@dataclass(frozen=True)
class Slice:
    """`start:stop:step`, each of which may be None."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Sequence:
    """A tuple or list that is made while the function runs."""

    items: tuple[Expression, ...]


Expression = Union[Argument, Constant, Name, Attribute, Call, Operation, Item, Slice, Sequence]
NONE = Constant(None)


def dotted(expression: Expression) -> str | None:
    """`tf.math.exp` for an attribute of an attribute of a name; None for anything else."""
    if isinstance(expression, Name):
        return expression.name
    if isinstance(expression, Attribute):
        base = dotted(expression.base)
        return None if base is None else f"{base}.{expression.name}"
    return None


def text(expression: Expression, parameters: tuple[str, ...] = ()) -> str:
    """Format an expression as Python source."""

    def show(e: Expression) -> str:
        return text(e, parameters)

    match expression:
        case Argument(index):
            return parameters[index] if index < len(parameters) else f"x{index}"
        case Constant(value):
            return "..." if value is Ellipsis else repr(value)
        case Name(name):
            return name
        case Attribute(base, name):
            return f"{show(base)}.{name}"
        case Call(function, arguments, keywords):
            shown = [show(a) for a in arguments] + [f"{k}={show(v)}" for k, v in keywords]
            return f"{show(function)}({', '.join(shown)})"
        case Operation(sign, (one,)):
            return f"{sign}{show(one)}"
        case Operation(sign, operands):
            return f"({f' {sign} '.join(map(show, operands))})"
        case Item(base, index):
            indices = index.items if isinstance(index, Sequence) else (index,)
            return f"{show(base)}[{', '.join(map(show, indices))}]"
        case Slice(parts):
            return ":".join("" if p == NONE else show(p) for p in parts)
        case Sequence(items):
            return f"({', '.join(map(show, items))}{',' * (len(items) == 1)})"
