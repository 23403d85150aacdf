"""Small graphs of several ops on text, with what they give."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType, TensorType
from tests.ops.case import BATCH

TEXT = TensorType(DType.STRING, (BATCH,))
KEYS = ("the", "cat", "日本")
TABLE: dict[DType, tuple[Any, Any]] = {
    DType.I64: ((2**40, 3, 4), -1),
    DType.I32: ((2, 3, 4), 0),
    DType.U8: ((250, 3, 4), 1),
    DType.F32: ((0.1, 3, 4), 7),
    DType.F64: ((0.1, 3, 4), 1e300),
    DType.F16: ((0.5, 3, 4), 1),
    DType.BOOL: ((True, False, True), True),
    DType.STRING: (("der", "Katze", ""), "?"),
}
"""For each element type, what `KEYS` stand for, and what all other words do."""
SHOUTED = {0: ["Hi a", ""], 2: ["HI A!!", "!!"]}
"""What `shouting` makes of ["Hi a", ""], by the number of rounds."""


def table_of(graph: Graph, dtype: DType) -> tuple[Value, Value, Value]:
    """The keys, the values and the default of `TABLE`."""
    values, default = TABLE[dtype]
    keys = graph.constant(np.array(KEYS, object), "keys")
    return keys, *(graph.constant(np.array(v, dtype.numpy)) for v in (values, default))  # type: ignore[return-value]


def tokenizer() -> Graph:
    """Lower case, no punctuation, words, numbers: 0 for nothing, 1 for words that are not known."""
    graph = Graph("tokenizer")
    x = graph.input("text", TEXT)
    lower = graph.add(ops.ChangeCase(), x, origin="vectorize").output
    clean = graph.add(ops.ReplaceText((".", "!", "?")), lower, origin="vectorize").output
    words = graph.add(ops.SplitText(3), clean, origin="vectorize").output
    keys = graph.constant(np.array(["", "the", "cat"], object), "vocabulary")
    ids = graph.constant(np.array([0, 2, 3]), "ids")
    other = graph.constant(np.array(1), "other")
    graph.output("clean", clean)
    graph.output("ids", graph.add(ops.Lookup(), words, keys, ids, other, origin="vectorize").output)
    return graph


def shouting() -> Graph:
    """Text in capitals, with one more exclamation mark in each round of a loop."""
    number = TensorType(DType.I32, ())
    cond = Graph("cond")
    body = Graph("body")
    _ = cond.input("x", TEXT)
    left = cond.input("n", number)
    cond.output("more", cond.add(ops.Greater(), left, cond.constant(np.array(0, np.int32))).output)
    x = body.input("x", TEXT)
    n = body.input("n", number)
    loud = body.add(ops.ChangeCase(upper=True), x).output
    body.output("x", body.add(ops.JoinText(), loud, body.constant(np.array("!", object))).output)
    body.output("n", body.add(ops.Sub(), n, body.constant(np.array(1, np.int32))).output)
    graph = Graph("shouting")
    state = (graph.input("x", TEXT), graph.input("n", number))
    graph.output("y", graph.add(ops.While(cond, body), *state, origin="shout").outputs[0])
    return graph


def branches() -> Graph:
    """Capitals, or the translation by `TABLE`: there is a table in a body only."""
    then = Graph("then")
    orelse = Graph("orelse")
    then.output("y", then.add(ops.ChangeCase(upper=True), then.input("x", TEXT), origin="upper").output)
    x = orelse.input("x", TEXT)
    orelse.output("y", orelse.add(ops.Lookup(), x, *table_of(orelse, DType.STRING), origin="words").output)
    graph = Graph("branches")
    flag = graph.input("flag", TensorType(DType.BOOL, ()))
    x = graph.input("x", TEXT)
    graph.output("y", graph.add(ops.If(then, orelse), flag, x, origin="translate").output)
    return graph


def counted() -> Graph:
    """Sizes that the number of words tells: of a reshape, a number, another split."""
    tokens = symbol("tokens")
    graph = Graph("counted")
    x = graph.input("x", TEXT)
    words = graph.add(ops.SplitText(tokens), x, origin="split").output
    ids = graph.add(ops.Lookup(), words, *table_of(graph, DType.I32), origin="ids").output
    graph.output("flat", graph.add(ops.Reshape((BATCH * tokens, 1)), ids, origin="flat").output)
    graph.output("count", graph.add(ops.Dims((tokens + 1,), DType.I32), origin="count").output)
    upper = graph.add(ops.ChangeCase(upper=True), x, origin="upper").output
    graph.output("again", graph.add(ops.SplitText(tokens), upper, origin="again").output)
    return graph


MOVES: dict[str, tuple[Any, ...]] = {
    "gather": (ops.Gather(1, batch_dims=1), np.array([[2, 0], [1, 1]], np.int32)),
    "gather_nd": (ops.GatherNd(), np.array([[1, 2], [0, 0]], np.int32)),
    "reverse": (ops.Reverse((1,)),),
    "scatter_nd": (ops.ScatterNd(), np.array([[1, 2]], np.int32), np.array(["new"], object)),
    "split": (ops.Split(1, (1, 2)),),
    "tile": (ops.Tile((1, 2)),),
}
"""Ops that move text, and their operands behind a text of two rows and three columns."""
MOVED = np.array([["a", "", "日本"], ["b", "c d", "e"]], object)


def moving(name: str) -> Graph:
    """One of `MOVES` alone."""
    op, *more = MOVES[name]
    graph = Graph(name)
    x = graph.input("x", TensorType(DType.STRING, MOVED.shape))
    for i, value in enumerate(graph.add(op, x, *map(graph.constant, more)).outputs):
        graph.output(f"y{i}", value)
    return graph
