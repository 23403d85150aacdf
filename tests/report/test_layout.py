"""Places of boxes: none overlap, edges lead down, and a chain is straight."""

from __future__ import annotations

import random

import pytest

from kexport.ir.graph import Graph
from kexport.ir.types import TensorType
from kexport.ops.activation import Relu
from kexport.ops.binary import Add
from kexport.report.boxes import MAX_NODES, boxes_of
from kexport.report.layout import lay_out
from tests.report.dist import net

BOX = (100.0, 40.0)
GAP = (20.0, 30.0)


def random_edges(count: int, seed: int) -> list[tuple[int, int]]:
    rng = random.Random(seed)
    pairs = [(rng.randrange(b), b) for b in range(1, count) for _ in range(rng.randrange(1, 3))]
    return sorted(set(pairs))


@pytest.mark.parametrize("seed", range(8))
def test_boxes_do_not_overlap_and_edges_lead_down(seed: int) -> None:
    edges = random_edges(40, seed)
    layout = lay_out(40, edges, BOX, GAP)
    for i, (x, y) in enumerate(layout.places):
        assert BOX[0] / 2 - 0.1 <= x <= layout.width - BOX[0] / 2 + 0.1
        assert BOX[1] / 2 - 0.1 <= y <= layout.height - BOX[1] / 2 + 0.1
        for other, (u, v) in enumerate(layout.places[:i]):
            assert abs(y - v) >= BOX[1] + GAP[1] or abs(x - u) >= BOX[0] + GAP[0] - 0.2, (i, other)
    for a, b in edges:
        assert layout.paths[a, b][0] == layout.places[a]
        assert layout.paths[a, b][-1] == layout.places[b]
        heights = [y for _, y in layout.paths[a, b]]
        assert heights == sorted(heights)
        assert len(set(heights)) == len(heights)


def test_a_chain_is_straight() -> None:
    layout = lay_out(5, [(i, i + 1) for i in range(4)], BOX, GAP)
    assert {x for x, _ in layout.places} == {50.0}
    assert [y for _, y in layout.places] == [20.0, 90.0, 160.0, 230.0, 300.0]
    assert (layout.width, layout.height) == (100.0, 320.0)


def test_a_skipping_edge_goes_beside_the_boxes() -> None:
    layout = lay_out(3, [(0, 1), (1, 2), (0, 2)], BOX, GAP)
    _, beside, _ = layout.paths[0, 2]
    assert abs(beside[0] - layout.places[1][0]) >= BOX[0] / 2 + GAP[0]


def test_nothing_has_no_size() -> None:
    assert lay_out(0, [], BOX, GAP).places == ()


def test_small_graphs_have_a_box_an_op() -> None:
    found = boxes_of(net(), {})
    assert found is not None
    assert found.unit == "op"
    assert [b.title for b in found.boxes] == ["image", "conv", "relu", "add", "dense", "digit"]
    assert found.edges == ((0, 1), (1, 2), (2, 3), (1, 3), (3, 4), (4, 5))
    conv = found.boxes[1]
    assert (conv.parameters, conv.bytes, conv.multiply_adds) == (72, 288, 64 * 72)


def chain(origins: list[str]) -> Graph:
    graph = Graph("long")
    value = graph.input("x", TensorType.parse("f32[batch,4]"))
    for origin in origins:
        value = graph.add(Relu(), value, origin=origin).output
    graph.output("y", value)
    return graph


def test_larger_graphs_have_a_box_a_layer_or_a_group() -> None:
    by_layer = boxes_of(chain([f"layer_{i // 2}" for i in range(MAX_NODES + 2)]), {})
    assert by_layer is not None
    assert (by_layer.unit, len(by_layer.boxes)) == ("layer", 2 + MAX_NODES // 2 + 1)
    by_group = boxes_of(chain([f"block_{i // 20}/layer_{i}" for i in range(400)]), {})
    assert by_group is not None
    assert (by_group.unit, len(by_group.boxes)) == ("group", 22)
    assert by_group.boxes[1].path == "block_0"
    assert boxes_of(chain([f"layer_{i}" for i in range(700)]), {}) is None


def test_a_layer_that_is_called_again_has_another_box() -> None:
    graph = chain(["again"] * 40 + ["between"] * 40 + ["again"] * 40)
    found = boxes_of(graph, {})
    assert found is not None
    assert [b.path for b in found.boxes] == ["", "again", "between", "again", ""]
    assert found.edges == ((0, 1), (1, 2), (2, 3), (3, 4))


def test_an_input_that_is_an_output() -> None:
    graph = Graph("same")
    x = graph.input("x", TensorType.parse("f32[4]"))
    graph.output("a", x)
    graph.output("b", graph.add(Add(), x, x).output)
    found = boxes_of(graph, {})
    assert found is not None
    assert found.edges == ((0, 1), (0, 2), (1, 3))
