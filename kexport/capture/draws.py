"""The random numbers that Keras draws, seen from outside: as the draws of a captured graph that explain them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from tensorflow.python.framework import op_callbacks

from kexport.ir.op import Array
from kexport.ops.elementwise import Erf

T = TypeVar("T")

LIMIT = 2.0
"""Where a truncated normal distribution ends, in standard deviations."""


def _as_it_is(operands: Sequence[Array], drawn: Array) -> Array:
    return drawn


def _of_truncated(operands: Sequence[Array], drawn: Array) -> Array:
    """The uniform numbers that truncated normal ones are the inverse of."""
    scaled = Erf().evaluate(drawn.astype(np.float64) / math.sqrt(2))
    return np.asarray(scaled / (2 * math.erf(LIMIT / math.sqrt(2))) + 0.5)


def _of_integers(operands: Sequence[Array], drawn: Array) -> Array:
    """The middle of the part of [0, 1) that an integer stands for."""
    low, high = (float(v) for v in operands[-2:])
    return (drawn - low + 0.5) / (high - low)


def _of_classes(operands: Sequence[Array], drawn: Array) -> Array:
    """All of [0, 1) for the class that was drawn, nothing for the others."""
    return (drawn[..., None] == np.arange(operands[0].shape[-1])).astype(np.float64)


_EXPLAIN: Mapping[str, Callable[[Sequence[Array], Array], Array]] = {
    "RandomStandardNormal": _as_it_is, "RandomUniform": _as_it_is, "TruncatedNormal": _of_truncated,
    "RandomUniformInt": _of_integers, "Multinomial": _of_classes,
    "RandomNormal": _as_it_is,
}  # fmt: skip
"""By the name of a TensorFlow op, without `Stateless` and its version: the draw that explains its result."""


def draw_of(op: Any) -> int:
    """The number of the draw that an op of a trace makes: how many ops before it draw."""
    drawing = [o for o in op.graph.get_operations() if _plain(o.type) in _EXPLAIN]
    return drawing.index(op)


def watched(call: Callable[[], T]) -> tuple[T, dict[int, Array]]:
    """What an eager call of a model gives, and what it drew meanwhile, by the number of the draw."""
    draws: dict[int, Array] = {}

    def see(kind: Any, inputs: Any, attributes: Any, outputs: Any, *_: Any, **__: Any) -> None:
        explain = _EXPLAIN.get(_plain(kind.decode() if isinstance(kind, bytes) else kind))
        if explain is not None:
            drawn = explain([np.asarray(t) for t in inputs], np.asarray(outputs[0]))
            draws[len(draws)] = drawn.reshape(drawn.shape or (1,))

    op_callbacks.add_op_callback(see)
    try:
        return call(), draws
    finally:
        op_callbacks.remove_op_callback(see)


def _plain(kind: str) -> str:
    return kind.removeprefix("Stateless").removesuffix("V2")
