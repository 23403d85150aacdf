"""Parts are cut out of a graph with their inputs, and compute the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kexport import ops
from kexport.errors import VerifyError
from kexport.evidence.graph_archive import load_graph, save_graph
from kexport.evidence.tensors import save_tensors
from kexport.ir.dim import symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.text import to_text
from kexport.ir.types import DType, TensorType
from kexport.locate.region import all_values, cut, is_bindable
from tests import toy

X = {"x": np.random.default_rng(0).standard_normal((3, toy.FEATURES)).astype(np.float32)}


def test_a_part_computes_what_the_whole_does() -> None:
    graph = toy.graph()
    hidden, logits, probs, _ = graph.nodes
    part, sources = cut(graph, [probs.output], [hidden.output], "part")
    assert [n.op.name for n in part.nodes] == ["dense", "softmax"]
    assert [n.origin for n in part.nodes] == ["logits", "logits"]
    assert sources == {"hidden": hidden.output}
    values = all_values(graph, X)
    (found,) = evaluate(part, {"hidden": values[hidden.output]}).values()
    assert np.allclose(found, evaluate(graph, X)["probs"], atol=1e-6)
    assert len(list(graph.nodes)) == 4
    assert logits.output in values


def test_without_borders_it_begins_at_the_inputs() -> None:
    graph = toy.graph()
    end = next(n for n in graph.nodes if n.op.name == "softmax").output
    part, sources = cut(graph, [end], [], "part")
    assert list(sources) == ["x"]
    assert part.name == "part"


def test_names_fit_every_format_and_differ() -> None:
    g = Graph("g")
    x = g.input("serving:x", TensorType.parse("f32[batch,2]"))
    a = g.add(ops.Neg(), x, origin="block/a").output
    b = g.add(ops.Exp(), a, origin="block/a").output
    g.output("y", g.add(ops.Add(), a, b, origin="block/a").output)
    part, sources = cut(g, [o.value for o in g.outputs], [a, b], "part")
    assert list(sources) == ["block_a", "block_a_2"]
    assert [o.name for o in part.outputs] == ["block_a_3"]


def test_sizes_that_no_input_tells_are_found() -> None:
    g = Graph("g")
    n = symbol("n")
    x = g.input("x", TensorType(DType.F32, (n, 2)))
    flat = g.add(ops.Reshape(shape=(n * 2,)), x, origin="flat").output
    half = g.add(ops.Slice((0,), (n // 2,), (1,)), flat, origin="half").output
    total = g.add(ops.ReduceSum((0,)), half, origin="total").output
    g.output("y", g.add(ops.BroadcastTo((n, 2)), total, origin="back").output)
    assert is_bindable(g)
    assert is_bindable(cut(g, [g.outputs[0].value], [flat], "twice")[0])
    assert not is_bindable(cut(g, [g.outputs[0].value], [half], "part")[0])


def test_a_graph_is_saved_with_its_weights(tmp_path: Path) -> None:

    path = tmp_path / "g.graph.safetensors"
    save_graph(toy.graph(), path)
    found = load_graph(path)
    assert to_text(found) == to_text(toy.graph())
    assert np.array_equal(evaluate(found, X)["probs"], evaluate(toy.graph(), X)["probs"])
    save_tensors(path, {}, {"format": 99, "graph": ""})
    with pytest.raises(VerifyError, match=r"the file has format 99, this kexport reads 1\n  hint: export"):
        load_graph(path)
    save_tensors(path, {}, {"format": 1, "graph": "graph"})
    with pytest.raises(VerifyError, match="the graph cannot be read"):
        load_graph(path)


def test_tables_of_text_are_saved(tmp_path: Path) -> None:
    g = Graph("g")
    words = np.array([f"word {i}" for i in range(40)], object)
    g.output("y", g.constant(words, "words"))
    save_graph(g, tmp_path / "g.graph.safetensors")
    found = load_graph(tmp_path / "g.graph.safetensors")
    assert (found.outputs[0].value.data == words).all()
