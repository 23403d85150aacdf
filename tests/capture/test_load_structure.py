"""Nests as trees of positions."""

from __future__ import annotations

import functools
import operator
from collections import OrderedDict
from typing import Any

import pytest

from kexport.capture.sources.structure import flatten, paths, unflatten, unique


@pytest.mark.parametrize(
    ("nest", "tree"),
    [
        ("x", 0),
        (["x"], [0]),
        (("x", "y"), [0, 1]),
        ({"b": "x", "a": "y"}, {"a": 0, "b": 1}),
        (OrderedDict(b="x", a="y"), {"b": 0, "a": 1}),
        ({"p": ["x", {"q": "y"}], "r": None}, {"p": [0, {"q": 1}], "r": None}),
        ([], []),
    ],
)
def test_flatten_and_unflatten(nest: Any, tree: Any) -> None:
    leaves, found = flatten(nest)
    assert found == tree
    rebuilt = unflatten(found, leaves)
    for path, leaf in zip(paths(found), leaves, strict=True):
        assert functools.reduce(operator.getitem, path, rebuilt) == leaf


def test_the_order_is_that_of_keras(keras: Any) -> None:
    nest = {"b": 1, "a": [2, (3, 4)], "c": OrderedDict(z=5, y=6)}
    assert flatten(nest)[0] == keras.tree.flatten(nest) == [2, 3, 4, 1, 5, 6]


def test_paths() -> None:
    assert paths({"b": [0, 2], "a": 1}) == [("b", 0), ("a",), ("b", 1)]
    assert paths(0) == [()]


@pytest.mark.parametrize(
    ("names", "result"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a_1", "a_2"]),
        (["a", "a", "a_1"], ["a", "a_2", "a_1"]),
        (["", "", "0"], ["", "_1", "0"]),
    ],
)
def test_unique(names: list[str], result: list[str]) -> None:
    assert unique(names) == result


def test_unique_among_others() -> None:
    assert unique(["a", "b", "b_1"], ["b", "x"]) == ["a", "b_2", "b_1"]
