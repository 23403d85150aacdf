"""Computes an expression on tensors: every function it may call is on the lists of `functions`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport.capture.lambdas.expression import (
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
    dotted,
)
from kexport.capture.lambdas.functions import ATTRIBUTES, METHODS, RANDOM, Modules, canonical, find, is_known
from kexport.capture.lambdas.read import Function, NotUnderstood

SIGNS: Mapping[tuple[str, int], Callable[..., Any]] = {
    ("-", 1): operator.neg, ("+", 1): operator.pos, ("+", 2): operator.add, ("-", 2): operator.sub,
    ("*", 2): operator.mul, ("/", 2): operator.truediv, ("//", 2): operator.floordiv, ("%", 2): operator.mod,
    ("**", 2): operator.pow, ("@", 2): operator.matmul, ("<", 2): operator.lt, ("<=", 2): operator.le,
    (">", 2): operator.gt, (">=", 2): operator.ge, ("==", 2): operator.eq, ("!=", 2): operator.ne,
    ("&", 2): operator.and_, ("|", 2): operator.or_, ("^", 2): operator.xor,
}  # fmt: skip
LARGE = 1 << 62
POWER = 64
"""The largest integer and the largest power that are computed with."""
ARGUMENTS = {"mask": None, "training": False}
"""The values that Keras passes to parameters of these names."""


@dataclass
class Pending:
    """Random numbers whose shape is completed by the tensor they are combined with, as the file lacks some sizes."""

    draw: Callable[[Any], Any]
    sizes: list[Any]
    """None for an unknown size."""

    def like(self, tensor: Any, modules: Modules) -> Any:
        """The numbers, in the shape that makes them fit a tensor."""
        if len(tensor.shape) != len(self.sizes):
            raise NotUnderstood("it draws random numbers of a shape that is not in the file")
        sizes = modules.tf.shape(tensor)
        return self.draw([sizes[i] if s is None else s for i, s in enumerate(self.sizes)])


def check(function: Function, given: Mapping[str, Any]) -> None:
    """Raise NotUnderstood unless everything that the function names is known; `given` are values for parameters."""
    known = {*function.closure, *given}
    for name in _names(function.result, known):
        if not is_known(name):
            raise NotUnderstood(f"it names {name!r}, which is not in the file", function.python)
    for parameter in function.parameters[1:]:
        if parameter not in {*function.defaults, *given, *ARGUMENTS} and _uses(function, parameter):
            raise NotUnderstood(f"its parameter {parameter!r} has no value in the file", function.python)


def apply(function: Function, given: Mapping[str, Any], inputs: Any, modules: Modules) -> Any:
    """Apply the function to a layer's inputs.

    Raises:
        NotUnderstood: a value is missing, or an unknown attribute of a tensor is used.
    """
    values = {**ARGUMENTS, **function.defaults, **given, function.parameters[0]: inputs}
    arguments = [values.get(p) for p in function.parameters]
    return _Evaluation(arguments, {**function.closure, **given}, modules).value(function.result)


class _Evaluation:
    """One run on the values of the parameters."""

    def __init__(self, arguments: list[Any], names: Mapping[str, Any], modules: Modules):
        self.arguments = arguments
        self.names = names
        self.modules = modules

    def value(self, e: Expression) -> Any:
        match e:
            case Argument(index):
                return self.arguments[index]
            case Constant(value):
                return value
            case Name(name):
                return self.name(name)
            case Attribute():
                return self.attribute(e)
            case Call():
                return self.call(e)
            case Operation(sign, operands):
                return self.operation(sign, [self.value(o) for o in operands])
            case Item(base, index):
                return self.value(base)[self.value(index)]
            case Slice(parts):
                return slice(*(self.value(p) for p in parts))
            case Sequence(items):
                return tuple(self.value(i) for i in items)

    def name(self, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        if is_known(name):
            return find(name, self.modules)
        raise NotUnderstood(f"it names {name!r}, which is not in the file")

    def attribute(self, e: Attribute) -> Any:
        whole = dotted(e)
        if whole is not None and whole.split(".")[0] not in self.names:
            return self.known(whole)
        if e.name not in ATTRIBUTES and e.name not in METHODS:
            raise NotUnderstood(f"it asks a tensor for {e.name!r}")
        return getattr(self.value(e.base), e.name)

    def known(self, name: str) -> Any:
        if not is_known(name):
            raise NotUnderstood(f"it names {name!r}, which is not known")
        return find(name, self.modules)

    def call(self, e: Call) -> Any:
        name = dotted(e.function)
        if name is not None and canonical(name) in RANDOM:
            return self.random(e, name)
        function = self.value(e.function)
        keywords = {k: self.value(v) for k, v in e.keywords}
        return function(*(self.value(a) for a in e.arguments), **keywords)

    def random(self, e: Call, name: str) -> Any:
        """A draw; sizes that the file does not have are those of what it is combined with."""
        keywords = dict(e.keywords)
        shape = keywords.pop("shape", None) or (e.arguments[0] if e.arguments else None)
        others = e.arguments[1:] if e.arguments and "shape" not in dict(e.keywords) else e.arguments
        values = [self.value(a) for a in others]
        named = {k: self.value(v) for k, v in keywords.items()}
        function = self.known(name)

        def draw(sizes: Any) -> Any:
            return function(sizes, *values, **named)

        if not isinstance(shape, Sequence):
            return draw(self.value(shape)) if shape is not None else draw(())
        sizes = [self.size(item) for item in shape.items]
        return Pending(draw, sizes) if None in sizes else draw(self.modules.tf.stack(sizes))

    def size(self, e: Expression) -> Any:
        if isinstance(e, Name) and e.name not in self.names:
            return None
        return self.value(e)

    def operation(self, sign: str, values: list[Any]) -> Any:
        tensors = [v for v in values if not isinstance(v, Pending) and hasattr(v, "shape")]
        if tensors:
            values = [v.like(tensors[0], self.modules) if isinstance(v, Pending) else v for v in values]
        if any(isinstance(v, Pending) for v in values):
            return self.operation_on_pending(sign, values)
        return SIGNS[sign, len(values)](*(_operand(v, sign, bool(tensors)) for v in values))

    def operation_on_pending(self, sign: str, values: list[Any]) -> Pending:
        """Arithmetic of random numbers and plain ones, before their shape is known."""
        waiting = [v for v in values if isinstance(v, Pending)]
        if len(waiting) != 1:
            raise NotUnderstood("it draws random numbers of a shape that is not in the file")
        (one,) = waiting

        def draw(sizes: Any) -> Any:
            return SIGNS[sign, len(values)](*(one.draw(sizes) if v is one else v for v in values))

        return Pending(draw, one.sizes)


def _operand(value: Any, sign: str, beside_tensor: bool) -> Any:
    """A number, array or tensor; text is none, and whole numbers that Python computes with exactly stay small."""
    if isinstance(value, (list, tuple)):
        return np.asarray(value) if beside_tensor else _only_for(sign, "+", value)
    if isinstance(value, (str, bytes)) or (not beside_tensor and isinstance(value, int) and abs(value) > LARGE):
        raise NotUnderstood(f"it computes {sign!r} of {value!r:.40}")
    return (
        _only_for(sign, "+-*/", value)
        if sign in ("**", "<<") and isinstance(value, int) and abs(value) > POWER
        else value
    )


def _only_for(sign: str, signs: str, value: Any) -> Any:
    if sign not in signs:
        raise NotUnderstood(f"it computes {sign!r} of {value!r:.40}")
    return value


def _names(e: Expression, known: set[str]) -> Iterator[str]:
    """The names that an expression needs an explanation of; the sizes of a draw need none."""
    whole = dotted(e)
    if whole is not None:
        if whole.split(".")[0] not in known:
            yield whole
        return
    if isinstance(e, Call) and canonical(dotted(e.function) or "?") in RANDOM:
        yield from _names_of_draw(e, known)
        return
    if isinstance(e, Attribute) and e.name not in ATTRIBUTES | METHODS:
        yield f".{e.name}"
    for child in _children(e):
        yield from _names(child, known)


def _names_of_draw(e: Call, known: set[str]) -> Iterator[str]:
    keywords = dict(e.keywords)
    shape = keywords.pop("shape", None) or (e.arguments[0] if e.arguments else None)
    rest = [a for a in e.arguments if a is not shape] + list(keywords.values())
    sizes = shape.items if isinstance(shape, Sequence) else ([] if shape is None else [shape])
    for child in [*(s for s in sizes if not isinstance(s, Name)), *rest]:
        yield from _names(child, known)


def _children(e: Expression) -> Iterator[Expression]:
    match e:
        case Attribute(base, _):
            yield base
        case Call(function, arguments, keywords):
            yield function
            yield from arguments
            yield from (v for _, v in keywords)
        case Operation(_, items) | Slice(items) | Sequence(items):
            yield from items
        case Item(base, index):
            yield base
            yield index
        case _:
            return


def _uses(function: Function, parameter: str) -> bool:
    index = function.parameters.index(parameter)
    work = [function.result]
    while work:
        e = work.pop()
        if e == Argument(index):
            return True
        work += _children(e)
    return False
