"""An expression that a user wrote: parsed, never evaluated as Python."""

from __future__ import annotations

import ast

from kexport.capture.lambdas.evaluate import check
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
from kexport.capture.lambdas.functions import ACTIVATIONS, BACKEND
from kexport.capture.lambdas.read import Function, NotUnderstood
from kexport.errors import ConfigError

EXAMPLE = "for example lambda_1=x/127.5-1, or lambda_1=x[0]+exp(x[1]/2)*random_normal(shape(x[0]))"
INPUT = "x"
SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.USub: "-", ast.UAdd: "+", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
MAX_LENGTH = 4000


def read_written(text: str, where: str) -> Function:
    """The function of `x` that an expression such as `x/127.5-1` is; bare names are functions of `keras.backend`.

    Raises:
        ConfigError: it is no expression, or names what is not known.
    """
    if len(text) > MAX_LENGTH:
        raise ConfigError(f"the expression has {len(text)} characters", where=where, hint=EXAMPLE)
    try:
        tree = ast.parse(text.strip(), mode="eval")
        function = Function((INPUT,), _expression(tree.body), {}, {})
        check(function, {})
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        raise ConfigError(f"{text!r} is no expression: {e}", where=where, hint=EXAMPLE) from e
    except NotUnderstood as e:
        raise ConfigError(f"{text!r}: {e}", where=where, hint=EXAMPLE) from e
    return function


def _expression(node: ast.AST) -> Expression:
    match node:
        case ast.Constant(value):
            return Constant(value)
        case ast.Name(name):
            return _name(name)
        case ast.Attribute(base, name):
            return Attribute(_expression(base), name)
        case ast.BinOp(left, sign, right):
            return Operation(SIGNS[type(sign)], (_expression(left), _expression(right)))
        case ast.UnaryOp(sign, operand) if type(sign) in SIGNS:
            return Operation(SIGNS[type(sign)], (_expression(operand),))
        case ast.Compare(left, [sign], [right]) if type(sign) in SIGNS:
            return Operation(SIGNS[type(sign)], (_expression(left), _expression(right)))
        case ast.Call(function, arguments, keywords):
            named = tuple((k.arg or "**", _expression(k.value)) for k in keywords)
            return Call(_expression(function), tuple(map(_expression, arguments)), named)
        case ast.Subscript(base, index):
            return Item(_expression(base), _expression(index))
        case ast.Slice(lower, upper, step):
            parts = (lower, upper, step) if step else (lower, upper)
            return Slice(tuple(NONE if p is None else _expression(p) for p in parts))
        case ast.Tuple(items) | ast.List(items):
            return Sequence(tuple(map(_expression, items)))
    raise NotUnderstood(f"{type(node).__name__} is not understood in an expression")


def _name(name: str) -> Expression:
    if name == INPUT:
        return Argument(0)
    if name in BACKEND:
        return Attribute(Name("K"), name)
    return Attribute(Name("activations"), name) if name in ACTIVATIONS else Name(name)
