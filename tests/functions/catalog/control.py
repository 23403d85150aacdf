"""Loops and branches: x, y float32[batch,4,6]."""

from __future__ import annotations

from tests.functions.item import Call

CONTROL: dict[str, Call] = {
    "cond": lambda k, x, y: k.cond(k.sum(x) > 0, lambda: x, lambda: y),
    "switch": lambda k, x, y: k.switch(k.cast(k.sum(x) > 0, "int32"), [lambda a: a + 1, lambda a: a * 2], x),
    "fori_loop": lambda k, x, y: k.fori_loop(0, 3, lambda i, a: a * y, x),
    "while_loop": lambda k, x, y: k.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * y), (0, x))[1],
    "scan": lambda k, x, y: k.scan(lambda c, t: (c + t, c * t), y[0, 0], x[0]),
    "map": lambda k, x, y: k.map(lambda t: t * 2 + 1, x),
    "associative_scan": lambda k, x, y: k.associative_scan(lambda a, b: a + b, x[0]),
    "vectorized_map": lambda k, x, y: k.vectorized_map(lambda t: t * 2 + 1, x),
}
