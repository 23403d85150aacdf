"""Names given by users: one or several in whatever holds them, and what was meant by one that is not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kexport import names
from kexport.errors import ConfigError
from kexport.names import each_name, nearest, suggest
from kexport.target import find_target
from kexport.workflows.choice import choose_targets, each_target

KNOWN = ("coreml", "onnx", "savedmodel", "tfjs", "tflite")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, None),
        ("", None),
        ([], None),
        ((" ", ","), None),
        ("onnx", ("onnx",)),
        ("onnx, tflite,onnx", ("onnx", "tflite")),
        (["onnx", "tflite,tfjs"], ("onnx", "tflite", "tfjs")),
        (("tflite", "onnx"), ("tflite", "onnx")),
        ({"tflite", "onnx"}, ("onnx", "tflite")),
        (frozenset({"b", "a"}), ("a", "b")),
        ({"onnx": 1}, ("onnx",)),
        ((n for n in ("a", "b")), ("a", "b")),
        (Path("a,b.py"), (Path("a,b.py"),)),
        (names, (names,)),
        (ConfigError, (ConfigError,)),
        (each_name, (each_name,)),
        (4, (4,)),
    ],
)
def test_one_name_or_several(given: Any, found: Any) -> None:
    assert each_name(given) == found


def test_commas_stay_where_a_name_may_have_them() -> None:
    assert each_name(["a,b.py", "c"], split=False) == ("a,b.py", "c")


@pytest.mark.parametrize("given", ["onnx", ["onnx"], ("onnx",), {"onnx"}, Path("onnx"), find_target("onnx")])
def test_one_target_however_it_is_given(given: Any) -> None:
    assert [t.name for t in choose_targets(given)] == ["onnx"]


def test_several_targets_in_one_text() -> None:
    assert each_target("onnx, tflite") == ("onnx", "tflite")
    assert [t.name for t in choose_targets(["tflite", find_target("onnx")])] == ["tflite", "onnx"]


def test_no_choice_is_every_target_that_can_emit() -> None:
    assert choose_targets(None) == choose_targets([]) == choose_targets("")


@pytest.mark.parametrize(
    ("wrong", "meant"), [("onxn", ["onnx"]), ("ONNX", ["onnx"]), ("tf", ["tfjs"]), ("zzz", []), (7, []), (None, [])]
)
def test_the_nearest_names(wrong: object, meant: list[str]) -> None:
    assert nearest(wrong, KNOWN) == meant


def test_a_hint_names_the_nearest_and_all() -> None:
    assert suggest("onyx", KNOWN, "targets") == f"did you mean 'onnx'? targets: {', '.join(KNOWN)}"
    assert suggest("zzz", ["a", "b", "a"], "dims") == "dims: a, b"
    assert suggest("zzz", [], "dims") == "dims: none"


def test_a_hint_stays_short_where_much_is_known() -> None:
    hint = suggest("layer_19x", [f"layer_{i}" for i in range(25)], "layers")
    assert hint.startswith("did you mean 'layer_19'")
    assert hint.endswith("layer_19 and 5 more")
