"""The kernel that all emissions share: tables, names, keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.errors import EmitError
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.types import TensorType
from kexport.passes.channels_first import ChannelsFirst
from kexport_emit.keys import content, place
from kexport_emit.names import Names
from kexport_emit.table import Emitters
from kexport_emit.walk import emit_nodes


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
    x, w = graph.input("x", TensorType.parse("f32[2,3]")), graph.input("w", TensorType.parse("f32[3,4]"))
    first, second = graph.add(ops.Split(1, (2, 2)), graph.add(ops.Dense(activation), x, w, origin="d").output).outputs
    graph.output("a", first)
    graph.output("b", second)
    return graph


@pytest.mark.parametrize(("activation", "made"), [(None, "x*w"), ("relu", "relu(x*w)")])
def test_emitters_return_one_result_or_several(activation: str | None, made: str) -> None:
    e, graph = Lines(), _dense(activation)
    emit_nodes(e, graph, _table())
    assert list(e.values.values()) == [made, "part0", "part1"]
    assert e.lines == ["# d", "# "]


def test_an_op_around_another_is_emitted_by_that_one() -> None:
    table, e = _table(), Lines()
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
