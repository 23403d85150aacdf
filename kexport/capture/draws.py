"""Observes the random numbers that Keras draws, and converts them to the draws of the captured graph."""

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
"""The bound of a truncated normal distribution, in standard deviations."""


def _as_it_is(operands: Sequence[Array], drawn: Array) -> Array:
    return drawn


def _of_truncated(operands: Sequence[Array], drawn: Array) -> Array:
    """Return the uniform numbers from which truncated normal ones are computed by the inverse distribution."""
    scaled = Erf().evaluate(drawn.astype(np.float64) / math.sqrt(2))
    return np.asarray(scaled / (2 * math.erf(LIMIT / math.sqrt(2))) + 0.5)


def _of_integers(operands: Sequence[Array], drawn: Array) -> Array:
    """Return the middle of the part of [0, 1) that maps to an integer."""
    low, high = (float(v) for v in operands[-2:])
    return (drawn - low + 0.5) / (high - low)


def _of_classes(operands: Sequence[Array], drawn: Array) -> Array:
    """Return uniform numbers that select the drawn class: 1 for it, 0 for the others."""
    return (drawn[..., None] == np.arange(operands[0].shape[-1])).astype(np.float64)


_EXPLAIN: Mapping[str, Callable[[Sequence[Array], Array], Array]] = {
    "RandomStandardNormal": _as_it_is,
    "RandomUniform": _as_it_is,
    "TruncatedNormal": _of_truncated,
    "RandomUniformInt": _of_integers,
    "Multinomial": _of_classes,
    "RandomNormal": _as_it_is,
}
"""The draw that explains the result of a TensorFlow op, by the op's name without `Stateless` and version."""


def is_draw(op: Any) -> bool:
    """Whether an op draws random numbers that can be explained."""
    return _plain(op.type) in _EXPLAIN


def explained(kind: str, operands: Sequence[Array], drawn: Array) -> Array:
    """Return the draw that explains the result of a TensorFlow op; it has one axis at least."""
    found = _EXPLAIN[_plain(kind)](operands, drawn)
    return found.reshape(found.shape or (1,))


def draw_of(op: Any) -> int:
    """Return the number of an op's draw in a trace: the count of drawing ops before it."""
    drawing = [o for o in op.graph.get_operations() if is_draw(o)]
    return drawing.index(op)


def watched(call: Callable[[], T]) -> tuple[T, dict[int, Array]]:
    """Call a model eagerly; return its outputs and what it drew, by the number of the draw."""
    draws: dict[int, Array] = {}

    def see(kind: Any, inputs: Any, attributes: Any, outputs: Any, *_: Any, **__: Any) -> None:
        name = kind.decode() if isinstance(kind, bytes) else kind
        if _plain(name) in _EXPLAIN:
            draws[len(draws)] = explained(name, [np.asarray(t) for t in inputs], np.asarray(outputs[0]))

    op_callbacks.add_op_callback(see)
    try:
        return call(), draws
    finally:
        op_callbacks.remove_op_callback(see)


def _plain(kind: str) -> str:
    return kind.removeprefix("Stateless").removesuffix("V2")
