"""Checks declared result types against the operands, where an operation's rule is simple."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

from kexport.ir.types import DType
from kexport_coreml.dtypes import NAMES
from kexport_coreml.values import Type

_BY_NAME = {name: dtype for dtype, name in NAMES.items()}
_Inputs = Mapping[str, "list[Type | None]"]
_Elements = Mapping[str, Any]
Shape = tuple["int | None", ...]


def _boolean(i: int, first: Type | None, elements: _Elements) -> DType:
    return DType.BOOL


def _integer(i: int, first: Type | None, elements: _Elements) -> DType:
    return DType.I32


RESULT_DTYPES: dict[str, Callable[[int, Type | None, _Elements], DType | None]] = {
    **dict.fromkeys(
        (
            "equal",
            "not_equal",
            "less",
            "less_equal",
            "greater",
            "greater_equal",
            "logical_not",
            "logical_and",
            "logical_or",
            "logical_xor",
        ),
        _boolean,
    ),
    **dict.fromkeys(("reduce_argmax", "reduce_argmin", "shape"), _integer),
    "cast": lambda i, first, elements: _BY_NAME.get(elements.get("dtype", "")),
    "topk": lambda i, first, elements: DType.I32 if i else first and first.dtype,
    "classify": lambda i, first, elements: None,
    "fill": lambda i, first, elements: None,
    "range_1d": lambda i, first, elements: None,
}
"""The element type of result number i, where it is not that of the first operand; None is not checked."""

_SAME = (
    "abs", "acos", "asin", "atan", "atanh", "batch_norm", "cast", "ceil", "clip", "cos", "cosh", "cumsum", "elu", "erf",
    "exp", "floor", "gelu", "identity", "instance_norm", "layer_norm", "leaky_relu", "log", "logical_not", "relu",
    "relu6", "reverse", "round", "rsqrt", "scatter_nd", "sigmoid", "sigmoid_hard", "sign", "silu", "sin", "sinh",
    "softmax", "softplus", "softsign", "sqrt", "square", "tan", "tanh",
)  # fmt: skip
_BROADCAST = (
    "add", "equal", "floor_div", "greater", "greater_equal", "less", "less_equal", "logical_and", "logical_or",
    "logical_xor", "maximum", "minimum", "mod", "mul", "not_equal", "pow", "real_div", "sub",
)  # fmt: skip


def check_shapes(kind: str, inputs: _Inputs, elements: _Elements, results: list[Type]) -> Iterator[str]:
    """What is wrong with the declared shapes of results."""
    rule = _RULES.get(kind)
    operands = [t for p in ("x", "data", "y", "values") for t in inputs.get(p, ())]
    if rule is None or not operands or any(t is None for t in operands):
        return
    found = rule([t.shape for t in operands if t is not None], elements, results[0].shape)
    if found is not None and not _agree(found, results[0].shape):
        yield f"the result is declared as {results[0]}, the operation makes {Type(results[0].dtype, found)}"


def _agree(a: Shape, b: Shape) -> bool:
    return len(a) == len(b) and all(x is None or y is None or x == y for x, y in zip(a, b, strict=True))


def _same(shapes: list[Shape], elements: _Elements, declared: Shape) -> Shape | None:
    return shapes[0]


def _broadcast(shapes: list[Shape], elements: _Elements, declared: Shape) -> Shape | None:
    rank = max(map(len, shapes))
    padded = [(*(1,) * (rank - len(s)), *s) for s in shapes]
    dims: list[int | None] = []
    for sizes in zip(*padded, strict=True):
        known = {s for s in sizes if s not in (None, 1)}
        if len(known) > 1:
            return (0,) * rank
        dims.append(next(iter(known)) if known else None if None in sizes else 1)
    return tuple(dims)


def _transpose(shapes: list[Shape], elements: _Elements, declared: Shape) -> Shape | None:
    perm = elements.get("perm")
    return None if perm is None else tuple(shapes[0][p] for p in perm)


def _concat(shapes: list[Shape], elements: _Elements, declared: Shape) -> Shape | None:
    axis = elements.get("axis")
    if axis is None:
        return None
    at = int(axis[0]) % len(shapes[0])
    sizes = [s[at] for s in shapes]
    total = None if None in sizes else sum(s for s in sizes if s is not None)
    return (*shapes[0][:at], total, *shapes[0][at + 1 :])


def _reshape(shapes: list[Shape], elements: _Elements, declared: Shape) -> Shape | None:
    if None in shapes[0] or None in declared:
        return None
    before, after = (prod(d for d in s if d is not None) for s in (shapes[0], declared))
    return declared if before == after else (before,)


_RULES: dict[str, Callable[[list[Shape], _Elements, Shape], Shape | None]] = {
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_BROADCAST, _broadcast),
    **dict.fromkeys(("reshape", "squeeze", "expand_dims"), _reshape),
    "transpose": _transpose,
    "concat": _concat,
}
