"""The kernel that all emissions share: tables, names, keys, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.errors import EmitError
from kexport.ir.dim import Dim, dim_max, dim_min, substitute, symbol
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.types import TensorType
from kexport.passes.channels_first import ChannelsFirst
from kexport_shared.emit.keys import content, place
from kexport_shared.emit.names import Names
from kexport_shared.emit.sizes import Function, Sizes, runs
from kexport_shared.emit.table import Emitters
from kexport_shared.emit.walk import emit_nodes


@dataclass
class Lines:
    """A format of lines: a tensor is a word."""

    lines: list[str] = field(default_factory=list)
    values: dict[Value, str] = field(default_factory=dict)

    def enter(self, node: Node) -> None:
        self.lines.append(f"# {node.origin}")

    def ref(self, value: Value) -> str:
        return self.values.get(value, value.name)

    def bind(self, node: Node, *results: str) -> None:
        self.values.update(zip(node.outputs, results, strict=True))


def _table() -> Emitters[Lines, str]:
    table = Emitters[Lines, str]()

    @table.applies(ops.Relu)
    def relu(e: Lines, op: ops.Relu, x: str) -> str:
        return f"relu({x})"

    @table.emits(ops.Split)
    def split(e: Lines, op: ops.Split, node: Node) -> tuple[str, ...]:
        return tuple(f"part{i}" for i in range(len(op.sizes)))

    @table.emits(ops.Dense)
    def dense(e: Lines, op: ops.Dense, node: Node) -> str:
        return table.activate(e, op.activation, "*".join(map(e.ref, node.inputs)))

    return table


def _dense(activation: str | None) -> Graph:
    graph = Graph()
    x = graph.input("x", TensorType.parse("f32[2,3]"))
    w = graph.input("w", TensorType.parse("f32[3,4]"))
    first, second = graph.add(ops.Split(1, (2, 2)), graph.add(ops.Dense(activation), x, w, origin="d").output).outputs
    graph.output("a", first)
    graph.output("b", second)
    return graph


@pytest.mark.parametrize(("activation", "made"), [(None, "x*w"), ("relu", "relu(x*w)")])
def test_emitters_return_one_result_or_several(activation: str | None, made: str) -> None:
    e = Lines()
    graph = _dense(activation)
    emit_nodes(e, graph, _table())
    assert list(e.values.values()) == [made, "part0", "part1"]
    assert e.lines == ["# d", "# "]


def test_an_op_around_another_is_emitted_by_that_one() -> None:
    table = _table()
    e = Lines()
    table.unwrap(ChannelsFirst)
    graph = Graph()
    x = graph.input("x", TensorType.parse("f32[1,2,3,4]"))
    graph.output("y", graph.add(ChannelsFirst(ops.Relu()), x).output)
    emit_nodes(e, graph, table)
    assert e.ref(graph.outputs[0].value) == "relu(x)"


def test_what_an_emitter_refuses_names_the_layer() -> None:
    table = _table()

    @table.emits(ops.Dense)
    def refuse(e: Any, op: ops.Dense, node: Node) -> str:
        raise EmitError("no")

    with pytest.raises(EmitError) as caught:
        emit_nodes(Lines(), _dense(None), table)
    assert caught.value.where == "d"


def test_a_table_that_begins_with_another_leaves_that_alone() -> None:
    base = _table()
    own = Emitters(base)
    own.without(ops.Relu)
    own.withdraw("there is none", ops.Split)
    assert ops.Relu not in own.emitters
    assert own.reasons == {ops.Split: "there is none"}
    assert {ops.Relu, ops.Split} <= base.emitters.keys()
    assert not base.reasons


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (Names(), ["a", "a_1", "a_2", "b", "B"]),
        (Names(":", 1), ["a", "a:2", "a:3", "b", "B"]),
        (Names(fold=str.lower), ["a", "a_1", "a_2", "b", "B_1"]),
    ],
)
def test_names_are_given_once(names: Names, given: list[str]) -> None:
    assert [names.unique(n) for n in ("a", "a", "a", "b", "B")] == given


@pytest.mark.parametrize(("chained", "given"), [(False, "a_2"), (True, "a_1_1")])
def test_a_number_that_is_taken_too(chained: bool, given: str) -> None:
    names = Names(chained=chained)
    assert [names.unique(n) for n in ("a_1", "a", "a")] == ["a_1", "a", given]


def test_keys_of_constants() -> None:
    data = np.arange(6, dtype=np.float32)
    assert place(data) == place(data[:])
    assert place(data) != place(data.copy())
    assert place(data) != place(data.reshape(2, 3))
    assert content(data) == content(data.copy())
    assert content(data) != content(data.astype(np.int32))
    assert content(np.array(["a", "b"], object)) == content(np.array(["a", "b"], object))


class Calculator:
    """Arithmetic on lists of numbers, with the sizes of one input [n, 2*m]; counts what it computes."""

    def __init__(self, sizes: dict[str, int]):
        self.sizes = sizes
        self.steps = list[str]()

    def numbers(self, values: Sequence[int]) -> list[int]:
        return list(values)

    def find(self, size: str) -> tuple[str, int, int] | None:
        return {"n": ("x", 0, 1), "m": ("x", 1, 2)}.get(size)

    def read(self, tensor: Any, axis: int) -> list[int]:
        self.steps.append(f"{tensor}[{axis}]")
        return [(self.sizes["n"], 2 * self.sizes["m"])[axis]]

    def absent(self, size: str) -> list[int]:
        raise EmitError(f"no {size}")

    def calculate(self, function: Function, a: list[int], b: list[int]) -> list[int]:
        self.steps.append(function)
        (x,) = a
        (y,) = b
        if function == "div":
            assert x >= 0
            assert y > 0
        quotient = {"div": x // y, "floordiv": x // y} if y else {}
        return [{"add": x + y, "mul": x * y, "max": max(x, y), "min": min(x, y), **quotient}[function]]

    def join(self, parts: Sequence[list[int]]) -> list[int]:
        self.steps.append("join")
        return [n for part in parts for n in part]


N = symbol("n")
M = symbol("m")
DIMS = [N, M, N + 1, 3 * N * M - 2, (N + 1) // 2, (N - 5) // 2, dim_max(N, M + 1), dim_min(2 * N, M), -(-N // 3)]


@pytest.mark.parametrize("in_runs", [False, True])
def test_sizes_are_computed(in_runs: bool) -> None:
    sizes = {"n": 4, "m": 3}
    calculator = Calculator(sizes)
    made = Sizes(calculator, in_runs)
    assert made.vector([1, 2]) == [1, 2]
    assert calculator.steps == []
    assert made.vector([7, 8, *DIMS, 9]) == [7, 8, *(substitute(d, dict(sizes)) for d in DIMS), 9]
    count = len(calculator.steps)
    assert [made.dim(d) for d in DIMS] == [[substitute(d, dict(sizes))] for d in DIMS]
    assert len(calculator.steps) == count, "every size is computed once"


def test_only_what_may_be_negative_is_divided_with_care() -> None:
    steps = {d: Calculator({"n": 4, "m": 3}) for d in ((N + 1) // 2, (N - M) // 2)}
    for d, calculator in steps.items():
        Sizes(calculator).dim(d)
    assert [c.steps.count("floordiv") for c in steps.values()] == [0, 1]


def test_a_size_that_no_tensor_has() -> None:
    made = Sizes(Calculator({"n": 4, "m": 3}))
    assert made.knows(N * M)
    assert not made.knows(N * symbol("k"))
    with pytest.raises(EmitError, match="no k"):
        made.dim(symbol("k"))


@pytest.mark.parametrize(
    ("dims", "parts"), [([], []), ([1, 2], [[1, 2]]), ([N, 1, 2, M], [[N], [1, 2], [M]]), ([1, N], [[1], [N]])]
)
def test_runs_of_known_sizes(dims: list[Dim], parts: list[list[Dim]]) -> None:
    assert list(runs(dims)) == parts
