"""Text as inputs and outputs: drawn from what the model knows, stored as it is, and compared exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.errors import ConfigError, VerifyError
from kexport.evidence.batches import make_batches
from kexport.evidence.samples import load_samples
from kexport.evidence.tensors import load_tensors, save_tensors
from kexport.evidence.words import STRANGE, Words, text_inputs
from kexport.ir.contract import Contract, Port
from kexport.ir.graph import Graph
from kexport.ir.parser import parse_graph
from kexport.ir.types import TensorType
from kexport.verify.compare import compare
from kexport.verify.record import plan_batches, record

TEXT = TensorType.parse("string[batch,2]")


def graph_of(lines: str, results: str, type: TensorType = TEXT) -> Graph:
    constants = """%keys: string[3] = const ["the", "cat", "日本"]
    %values: i64[3] = const [2, 3, 4]
    %one: i64[] = const 1
    %none: i64[] = const -1"""
    return parse_graph(f'graph "text" (%x: {type}) {{\n{constants}\n{lines}\nreturn "y": {results}\n}}')


OPEN = "%y = lookup(%x, %keys, %values, %one)"
CLOSED = "%y = lookup(%x, %keys, %values, %none)"
BUCKETS = CLOSED + "\n%missing = equal(%y, %none)\n%z = select(%missing, %one, %y)"
SENTENCE = "%t = split_text(%x) {length=4}\n%y = lookup(%t, %keys, %values, %one)"


def test_words_are_read_off_the_tables_behind_an_input() -> None:
    words = text_inputs(graph_of(OPEN, "%y"))["x"]
    assert words == Words(("the", "cat", "日本"), sentences=False, closed=False)
    assert text_inputs(graph_of(SENTENCE, "%y"))["x"].sentences
    assert text_inputs(graph_of(CLOSED, "%y"))["x"].closed
    assert not text_inputs(graph_of(BUCKETS, "%z"))["x"].closed


def test_hashed_text_needs_no_table() -> None:
    assert text_inputs(graph_of("%y = hash_text(%x) {buckets=7}", "%y"))["x"].known == STRANGE[1:]


def test_drawn_text_is_known_and_strange_and_the_same_again() -> None:
    words = Words(("the", "cat"), sentences=False, closed=False)
    drawn = words.draw((10, 20), np.random.default_rng(0))
    assert drawn.shape == (10, 20)
    assert {"the", "cat", ""} < {*drawn.flat} <= {"the", "cat", *STRANGE}
    assert (drawn == words.draw((10, 20), np.random.default_rng(0))).all()
    assert {*Words(("the",), False, closed=True).draw((50,), np.random.default_rng(0))} == {"the"}


def test_sentences_have_all_that_splitting_has_to_get_right() -> None:
    words = Words(("the", "cat"), sentences=True, closed=False)
    text = " ".join(words.draw((200,), np.random.default_rng(0)))
    assert all(part in text for part in ("  ", "\t", "\n", "!", "THE", "Cat", "日本語", "<br />"))
    extreme = words.draw((3,), np.random.default_rng(0), extreme=True)
    assert extreme[1] == ""
    assert len(extreme[2].split()) > 60
    assert extreme[0].split()


def test_random_text_for_a_model_that_knows_no_words_is_refused() -> None:
    graph = graph_of("%y = change_case(%x)", "%y")
    contract = Contract((Port("x", TEXT),), (Port("y", TEXT),))
    with pytest.raises(ConfigError, match="would mean nothing to a model that looks up no words"):
        make_batches(contract, text_inputs(graph))


def test_a_reference_of_text_is_recorded_and_exact() -> None:
    graph = graph_of(OPEN, "%y")
    contract = Contract((Port("x", TEXT),), (Port("y", TensorType.parse("i64[batch,2]")),))
    batches, _ = plan_batches(contract, graph)

    def run(arrays: Any) -> list[Any]:
        table = {"the": 2, "cat": 3, "日本": 4}
        return [np.array([[table.get(t, 1) for t in row] for row in arrays[0]], np.int64)]

    for recording in record(contract, graph, batches, run).recordings:
        assert (recording.outputs["y"] == (recording.oracle or {})["y"]).all()


def test_text_is_stored_as_it_is(tmp_path: Path) -> None:
    arrays = {
        "x": np.array([["", "a\nb"], ["日本", '"']], object),
        "none": np.empty((0, 3), object),
        "one": np.array("x", object),
        "n": np.arange(3),
    }
    save_tensors(tmp_path / "t", arrays, {"k": 1})
    found, metadata = load_tensors(tmp_path / "t")
    assert metadata == {"k": 1}
    assert {k: (a.shape, a.dtype, a.tolist()) for k, a in found.items()} == {
        k: (a.shape, a.dtype, a.tolist()) for k, a in arrays.items()
    }


def test_objects_that_are_no_text_are_not_stored(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'x' holds objects that are no text"):
        save_tensors(tmp_path / "t", {"x": np.array([b"bytes", None], object)}, {})
    assert not (tmp_path / "t").exists()


def test_a_file_whose_text_has_lost_its_shape_is_refused(tmp_path: Path) -> None:
    save_tensors(tmp_path / "t", {"x": np.array([["a", "b"]], object)}, {})
    data = (tmp_path / "t").read_bytes()
    (tmp_path / "t").write_bytes(data.replace(b"[1,2]}}", b"[1,9]}}").replace(b'\\"x\\":[1,2]', b'\\"x\\":[1,9]'))
    with pytest.raises(VerifyError, match="damaged"):
        load_tensors(tmp_path / "t")


def test_samples_of_text(tmp_path: Path) -> None:
    contract = Contract((Port("x", TEXT),), ())
    np.savez(tmp_path / "s.npz", x=np.array([["a", "日本"], ["", "c"]]))
    (batch,) = load_samples(tmp_path / "s.npz", contract)
    assert batch.inputs["x"].tolist() == [["a", "日本"], ["", "c"]]
    np.savez(tmp_path / "b.npz", x=np.array([["a", "b"]], "S"))
    (batch,) = load_samples(tmp_path / "b.npz", contract)
    assert batch.inputs["x"].tolist() == [["a", "b"]]
    np.savez(tmp_path / "n.npz", x=np.array([[1, 2]]))
    with pytest.raises(ConfigError, match=r"is string\[batch,2\], the samples are int64"):
        load_samples(tmp_path / "n.npz", contract)


def test_one_wrong_word_is_found() -> None:
    a = np.array(["x", "y"], object)
    assert compare(a, a).mismatches == 0
    assert compare(a, np.array(["x", "Y"], object)).mismatches == 1
