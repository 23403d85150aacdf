"""The graph beside the artifacts is read back without its weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from kexport.errors import VerifyError
from kexport.ir.text import to_text
from kexport.workflows.graph_text_file import read_graph, write_graph
from kexport.workflows.manifest import damage, read_manifest
from tests import toy


def test_the_graph_is_the_same_but_for_its_weights(tmp_path: Path) -> None:
    graph = toy.graph()
    path = tmp_path / "toy.kx"
    write_graph(graph, path)
    found = read_graph(path)
    assert [(n.op, n.origin, n.output.type) for n in found.nodes] == [
        (n.op, n.origin, n.output.type) for n in graph.nodes
    ]
    weights = graph.constants
    read = found.constants
    assert [c.type for c in read] == [c.type for c in weights]
    large = read[0].data
    small = read[3].data
    assert large is not None
    assert large.strides == (0, 0)
    assert small is not None
    assert (small == weights[3].data).all()


def test_an_export_writes_it_and_knows_its_hash(exported: Path) -> None:
    entry = read_manifest(exported)["small"].graph
    assert entry is not None
    assert damage(exported, [entry]) is None
    assert "image" in to_text(read_graph(exported / entry.path))


def test_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(VerifyError, match="there is no such file"):
        read_graph(tmp_path / "none.kx")


@pytest.mark.parametrize("text", ["", "graph", "\udcff", 'graph "x" () { %0: f32[2] = const #12 return }'])
def test_a_damaged_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.kx"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(VerifyError, match="the graph cannot be read"):
        read_graph(path)
