"""Targets are found through entry points; the support table says what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from kexport import ops, target
from kexport.errors import ConfigError, UnsupportedError
from kexport.ir.graph import Graph
from kexport.ir.types import TensorType
from kexport.target import GROUP, EmitterTable, find_target, targets


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stranger's target that cannot be imported, beside the installed ones."""
    stranger = EntryPoint("broken", "no_such_module:TARGET", GROUP)
    installed = list(target.entry_points(group=GROUP))
    monkeypatch.setattr(target, "entry_points", lambda group: [*installed, stranger])
    targets.cache_clear()
    yield
    targets.cache_clear()


@pytest.mark.usefixtures("broken")
def test_a_broken_target_does_not_stop_the_others() -> None:
    with pytest.warns(UserWarning, match=r"target 'broken' \(no_such_module:TARGET\) cannot be loaded"):
        found = targets()
    assert "onnx" in found
    assert "broken" not in found


def test_an_unknown_target_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="there is no target 'onyx'") as caught:
        find_target("onyx")
    assert "onnx" in str(caught.value)


def test_all_nodes_without_an_emitter_are_listed_with_reasons() -> None:
    table = EmitterTable()
    table(ops.Relu)(lambda context, op, node: None)
    table.unsupported("the format has no bits", ops.BitNot)
    graph = Graph()
    x = graph.input("x", TensorType.parse("i32[2]"))
    y = graph.input("y", TensorType.parse("f32[2]"))
    graph.output("a", graph.add(ops.BitNot(), x, origin="bits").output)
    graph.output("b", graph.add(ops.Sin(), graph.add(ops.Relu(), y, origin="act").output, origin="wave").output)
    with pytest.raises(UnsupportedError) as caught:
        table.check(graph)
    assert [(i.where, i.op, i.reason) for i in caught.value.items] == [
        ("bits", "bit_not", "the format has no bits"),
        ("wave", "sin", "no emitter"),
    ]
