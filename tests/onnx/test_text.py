"""Text in ONNX files: what comes out is text, tables of any type, sizes that the text tells, loops, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from kexport import ops
from kexport.errors import NotApplicable, UnsupportedError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Value
from kexport.ir.op import Op
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_onnx import TARGET
from kexport_onnx.options import OnnxOptions
from tests.onnx.helper import export, kinds, run
from tests.ops.case import BATCH
from tests.ops.cases_text import OPEN, SENTENCES
from tests.ops.text_nets import MOVED, MOVES, SHOUTED, TABLE, branches, counted, moving, shouting, table_of, tokenizer

TEXT = TensorType(DType.STRING, (BATCH,))


def test_a_model_reads_text_and_gives_text(tmp_path: Path) -> None:
    path = export(tokenizer(), tmp_path / "m.onnx", optimize=True)
    assert TARGET.read_contract(path) == contract_of(tokenizer())
    inputs = {"text": np.array(["The CAT!", "", "a the the"], object)}
    found = run(path, inputs)
    assert found["clean"].tolist() == ["the cat", "", "a the the"]
    assert found["ids"].tolist() == [[2, 3, 0], [0, 0, 0], [1, 2, 2]]
    for name, want in evaluate(tokenizer(), inputs).items():
        np.testing.assert_array_equal(found[name], want)


def test_an_open_length_is_that_of_the_longest(tmp_path: Path) -> None:
    path = export(OPEN.graph(), tmp_path / "m.onnx")
    x = np.array(SENTENCES, object)
    np.testing.assert_array_equal(run(path, {"x0": x})["y0"], OPEN.expected(x))


@pytest.mark.parametrize("texts", [["a b c", "a"], ["", " "], []], ids=["words", "no_words", "no_text"])
def test_sizes_that_the_text_tells(texts: list[str], tmp_path: Path) -> None:
    words = max((len(t.split()) for t in texts), default=0)
    found = run(export(counted(), tmp_path / "m.onnx"), {"x": np.array(texts, object)})
    assert found["flat"].shape == (len(texts) * words, 1)
    assert found["count"].tolist() == [words + 1]
    assert found["again"].tolist() == [[*t.upper().split(), *[""] * (words - len(t.split()))] for t in texts]


@pytest.mark.parametrize("dtype", TABLE, ids=str)
def test_tables_of_all_types(dtype: DType, tmp_path: Path) -> None:
    graph = Graph()
    graph.output("y", graph.add(ops.Lookup(), graph.input("x", TEXT), *table_of(graph, dtype)).output)
    path = export(graph, tmp_path / "m.onnx")
    inputs = {"x": np.array(["the", "cat", "dog"], object)}
    found = run(path, inputs)["y"]
    want = evaluate(graph, inputs)["y"]
    assert found.dtype == want.dtype
    np.testing.assert_array_equal(found, want)
    assert [(o.domain, o.version) for o in onnx.load(path).opset_import] == [("", 18), ("ai.onnx.ml", 2)]


def test_a_table_of_nothing_gives_the_default(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TEXT)
    keys, values, default = (graph.constant(a) for a in (np.array([], object), np.zeros(0, np.int64), np.int64(7)))
    graph.output("y", graph.add(ops.Lookup(), x, keys, values, default).output)
    assert run(export(graph, tmp_path / "m.onnx"), {"x": np.array(["a", ""], object)})["y"].tolist() == [7, 7]


def test_models_without_tables_import_nothing_else(tmp_path: Path) -> None:
    path = export(OPEN.graph(), tmp_path / "m.onnx")
    assert [o.domain for o in onnx.load(path).opset_import] == [""]


def test_text_in_loops_and_branches(tmp_path: Path) -> None:
    path = export(shouting(), tmp_path / "loop.onnx")
    for count, want in SHOUTED.items():
        assert run(path, {"x": np.array(["Hi a", ""], object), "n": np.array(count, np.int32)})["y"].tolist() == want
    path = export(branches(), tmp_path / "branch.onnx")
    x = np.array(["the", "dog"], object)
    assert run(path, {"x": x, "flag": np.array(True)})["y"].tolist() == ["THE", "DOG"]
    assert run(path, {"x": x, "flag": np.array(False)})["y"].tolist() == ["der", "?"]


def test_text_of_no_axes_and_of_three(tmp_path: Path) -> None:
    for shape, data in (((), "A b"), ((BATCH, 1, 2), [[["A b", ""]], [["c", "D e f"]]])):
        graph = Graph()
        x = graph.input("x", TensorType(DType.STRING, shape))
        lower = graph.add(ops.ReplaceText(("b", "e"), "--"), graph.add(ops.ChangeCase(), x).output).output
        graph.output("lower", lower)
        graph.output("y", graph.add(ops.SplitText(2), lower).output)
        inputs = {"x": np.array(data, object)}
        found = run(export(graph, tmp_path / "m.onnx"), inputs)
        for name, want in evaluate(graph, inputs).items():
            assert found[name].dtype == object
            np.testing.assert_array_equal(found[name], want)


def test_nothing_is_replaced_twice(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TEXT)
    graph.output("y", graph.add(ops.ReplaceText(("ab", "a", "b", "c"), "<"), x).output)
    assert run(export(graph, tmp_path / "m.onnx"), {"x": np.array(["xabcab", "cba"], object)})["y"].tolist() == [
        "x<<<",
        "<<<",
    ]


@pytest.mark.parametrize("name", MOVES)
def test_ops_that_move_text(name: str, tmp_path: Path) -> None:
    found = run(export(moving(name), tmp_path / "m.onnx"), {"x": MOVED})
    for output, want in evaluate(moving(name), {"x": MOVED}).items():
        np.testing.assert_array_equal(found[output], want)


def _refused(op: Op, *more: Any) -> str:
    graph = Graph()
    operands: list[Value] = [graph.input("x", TEXT), *(graph.input(f"x{i}", t) for i, t in enumerate(more))]
    graph.output("y", graph.add(op, *operands, origin="net/layer").output)
    with pytest.raises(UnsupportedError) as e:
        TARGET.legalize(graph, OnnxOptions())
    return str(e.value)


@pytest.mark.parametrize(("texts", "replacement"), [(("a", "bc"), ""), (("a", "b"), "xb"), (("a", "bc"), "-")])
def test_replacing_that_is_not_one_after_the_other(texts: tuple[str, ...], replacement: str) -> None:
    message = _refused(ops.ReplaceText(texts, replacement))
    assert "net/layer: replace_text: ONNX replaces one text after the other: behind the first of 2" in message


def test_tables_that_are_computed_are_refused() -> None:
    numbers = TensorType(DType.I64, (2,))
    message = _refused(ops.Lookup(), TEXT.with_shape((2,)), numbers, numbers.with_shape(()))
    assert "net/layer: lookup: ONNX looks up in a table that is written in the model; its keys must be const" in message


def test_numbers_only() -> None:
    assert "net/layer: pad: it computes with numbers, not with text" in _refused(ops.Pad(((1, 0),)))


def test_a_browser_gets_no_text(tmp_path: Path) -> None:
    web = TARGET.runtimes()[2]
    with pytest.raises(NotApplicable, match="text is not sent to a browser"):
        web.decline(export(OPEN.graph(), tmp_path / "m.onnx"))  # type: ignore[attr-defined]


def test_each_replaced_text_takes_one_loop(tmp_path: Path) -> None:
    graph = Graph()
    graph.output("y", graph.add(ops.ReplaceText(("a", "b", "a")), graph.input("x", TEXT)).output)
    found = kinds(export(graph, tmp_path / "m.onnx"))
    assert found["Loop"] == found["StringSplit"] == 2
