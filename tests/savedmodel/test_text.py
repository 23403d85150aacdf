"""Text in SavedModels: tables are filled on loading and never mixed, sizes that the text tells, loops, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.errors import EmitError, UnsupportedError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Value
from kexport.ir.op import Op
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_savedmodel import TARGET
from kexport_savedmodel.writer import MODEL
from tests.ops.cases_text import OPEN, SENTENCES
from tests.ops.text_nets import (
    MOVED,
    MOVES,
    SHOUTED,
    TABLE,
    TEXT,
    branches,
    counted,
    moving,
    shouting,
    table_of,
    tokenizer,
)
from tests.savedmodel.helper import export, run


def _translation(dtype: DType = DType.STRING, shift: Any = None) -> Graph:
    graph = Graph("translation")
    x = graph.input("x", TEXT)
    keys, values, default = table_of(graph, dtype)
    if shift is not None:
        assert values.data is not None
        values = graph.constant(values.data + np.array(shift, values.data.dtype))
    graph.output("y", graph.add(ops.Lookup(), x, keys, values, default, origin="net/words").output)
    return graph


def _words(*texts: str) -> dict[str, Any]:
    return {"x": np.array(texts, object)}


def test_a_model_reads_text_and_gives_text(tmp_path: Path) -> None:
    path = export(tokenizer(), tmp_path / "m")
    assert TARGET.read_contract(path) == contract_of(tokenizer())
    inputs = {"text": np.array(["The CAT!", "", "a the the"], object)}
    found = run(path, inputs)
    assert found["clean"].tolist() == ["the cat", "", "a the the"]
    assert found["ids"].tolist() == [[2, 3, 0], [0, 0, 0], [1, 2, 2]]


def test_the_same_graph_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (export(tokenizer(), tmp_path / name) for name in "ab")
    assert (first / MODEL).read_bytes() == (second / MODEL).read_bytes()


def test_models_with_other_tables_do_not_mix(tmp_path: Path) -> None:
    """All are loaded before any of them runs; two of them have the same words."""
    shifts = (0, 10, 20, 10)
    paths = [export(_translation(DType.I64, s), tmp_path / str(i)) for i, s in enumerate(shifts)]
    loaded = [TARGET.runtimes()[0].load(p) for p in (*paths, paths[0])]
    for session, shift in zip(loaded, (*shifts, 0), strict=True):
        found = session.run(_words("cat", "日本", "dog"))["y"].tolist()
        assert found == [3 + shift, 4 + shift, -1]


def test_a_session_without_eager_execution_fills_the_tables(tmp_path: Path) -> None:
    """As TensorFlow Serving does, whose loader knows the same collection."""
    import tensorflow as tf

    path = export(_translation(), tmp_path / "m")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(path))
        ends = meta.signature_def["serving_default"]
        found = session.run(ends.outputs["y"].name, {ends.inputs["x"].name: ["the", "dog"]})
    assert [t.decode() for t in found] == ["der", "?"]


@pytest.mark.parametrize("dtype", TABLE, ids=str)
def test_tables_of_all_types(dtype: DType, tmp_path: Path) -> None:
    graph = _translation(dtype)
    inputs = _words("the", "cat", "dog")
    found = run(export(graph, tmp_path / "m"), inputs)["y"]
    want = evaluate(graph, inputs)["y"]
    assert found.dtype == want.dtype
    np.testing.assert_array_equal(found, want)


def test_a_table_of_nothing_gives_the_default(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TEXT)
    keys, values, default = (graph.constant(a) for a in (np.array([], object), np.zeros(0, np.int64), np.int64(7)))
    graph.output("y", graph.add(ops.Lookup(), x, keys, values, default).output)
    assert run(export(graph, tmp_path / "m"), _words("a", ""))["y"].tolist() == [7, 7]


def test_an_open_length_is_that_of_the_longest(tmp_path: Path) -> None:
    x = np.array(SENTENCES, object)
    np.testing.assert_array_equal(run(export(OPEN.graph(), tmp_path / "m"), {"x0": x})["y0"], OPEN.expected(x))


@pytest.mark.parametrize("texts", [["a b c", "a"], ["", " "], []], ids=["words", "no_words", "no_text"])
def test_sizes_that_the_text_tells(texts: list[str], tmp_path: Path) -> None:
    words = max((len(t.split()) for t in texts), default=0)
    found = run(export(counted(), tmp_path / "m"), _words(*texts))
    assert found["flat"].shape == (len(texts) * words, 1)
    assert found["count"].tolist() == [words + 1]
    assert found["again"].tolist() == [[*t.upper().split(), *[""] * (words - len(t.split()))] for t in texts]


def test_text_in_loops_and_branches(tmp_path: Path) -> None:
    path = export(shouting(), tmp_path / "loop")
    for count, want in SHOUTED.items():
        assert run(path, {**_words("Hi a", ""), "n": np.array(count, np.int32)})["y"].tolist() == want
    path = export(branches(), tmp_path / "branch")
    for flag, want in ((True, ["THE", "DOG"]), (False, ["der", "?"])):
        assert run(path, {**_words("the", "dog"), "flag": np.array(flag)})["y"].tolist() == want


@pytest.mark.parametrize("unit", ["word", "character"])
def test_text_of_no_axes_and_of_three(unit: str, tmp_path: Path) -> None:
    for i, (shape, data) in enumerate((((), "A b"), ((2, 1, 2), [[["A b", ""]], [["ü", "D e f"]]]))):
        graph = Graph()
        lower = graph.add(ops.ChangeCase(), graph.input("x", TensorType(DType.STRING, shape))).output
        graph.output("lower", lower)
        graph.output("y", graph.add(ops.SplitText(2, unit), lower).output)
        inputs = {"x": np.array(data, object)}
        found = run(export(graph, tmp_path / str(i)), inputs)
        for name, want in evaluate(graph, inputs).items():
            assert found[name].dtype == object
            np.testing.assert_array_equal(found[name], want)


def test_texts_are_no_patterns(tmp_path: Path) -> None:
    texts = ("\\d", "a|b", "(", ".*", "[^x]", "é+", "\n", "\x00", "{2}", "ab c", "_")
    graph = Graph()
    graph.output("y", graph.add(ops.ReplaceText(texts, r"\0\1"), graph.input("x", TEXT)).output)
    inputs = _words("".join(texts), "a b 1 x", "(.*)|\\d\\\n", "éé+ {2}", "a\x00b c")
    np.testing.assert_array_equal(run(export(graph, tmp_path / "m"), inputs)["y"], evaluate(graph, inputs)["y"])


@pytest.mark.parametrize("name", MOVES)
def test_ops_that_move_text(name: str, tmp_path: Path) -> None:
    found = run(export(moving(name), tmp_path / "m"), {"x": MOVED})
    for output, want in evaluate(moving(name), {"x": MOVED}).items():
        np.testing.assert_array_equal(found[output], want)


def _refused(op: Op, *more: TensorType) -> str:
    graph = Graph()
    operands: list[Value] = [graph.input("x", TEXT), *(graph.input(f"x{i}", t) for i, t in enumerate(more))]
    graph.output("y", graph.add(op, *operands, origin="net/layer").output)
    with pytest.raises(UnsupportedError) as e:
        TARGET.legalize(graph, TARGET.options())
    return str(e.value)


def test_tables_that_are_computed_are_refused() -> None:
    numbers = TensorType(DType.I64, (2,))
    message = _refused(ops.Lookup(), TEXT.with_shape((2,)), numbers, numbers.with_shape(()))
    assert "net/layer: lookup: a table is filled when the model is loaded; its keys must be constants" in message


def test_numbers_only() -> None:
    assert "net/layer: pad: it computes with numbers, not with text" in _refused(ops.Pad(((1, 0),)))


def _bytes(path: Path, old: bytes, new: bytes) -> None:
    data = (path / MODEL).read_bytes()
    assert old in data
    (path / MODEL).write_bytes(data.replace(old, new, 1))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "texts": (lambda p: _bytes(p, b"B\x03cat", b"B\x01cB\x00"), "keys has 4 texts, its shape needs 3"),
    "on_load": (lambda p: _bytes(p, b"^net", b"^nex"), r"on_load reads \^nex/words_\d, which is not made before it"),
    "main": (
        lambda p: _bytes(p, b"\x0a\x07on_load", b"\x0a\x07off_loa"),
        "on_load, to be run on loading, does not",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found(kind: str, tmp_path: Path) -> None:
    path = export(_translation(), tmp_path / "m")
    damage, message = DAMAGE[kind]
    damage(path)
    with pytest.raises(EmitError, match=message):
        TARGET.validate(path)
