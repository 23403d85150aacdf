"""No function of keras.ops is missing from the catalog."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functions.catalog import CATALOG, FIXED, LEFT_OUT, REFUSALS, TOLERANCES
from tests.functions.item import Function

TRIED = [*CATALOG.values(), *(function for function, _ in REFUSALS.values())]


def functions(namespace: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All public functions, those of namespaces inside too."""
    for name, thing in vars(namespace).items():
        if inspect.ismodule(thing) and thing.__name__.startswith(namespace.__name__):
            yield from functions(thing, f"{prefix}{name}.")
        elif inspect.isfunction(thing) and not name.startswith("_"):
            yield prefix + name, thing


def function_of(keras: Any, name: str) -> Any:
    """A function by its name below keras.ops."""
    found = keras.ops
    for part in name.split("."):
        found = getattr(found, part)
    return found


def test_every_function_is_in_one_place(keras: Any) -> None:
    places = (set(CATALOG), set(REFUSALS), set(LEFT_OUT))
    names = sorted(name for place in places for name in place)
    assert names == sorted(set(names))
    there = {id(function_of(keras, name)) for name in names}
    assert sorted(name for name, function in functions(keras.ops) if id(function) not in there) == []
    assert set(CATALOG) >= FIXED | set(TOLERANCES)


@pytest.mark.parametrize("function", TRIED, ids=lambda f: f.name)
def test_the_call_names_its_function(function: Function) -> None:
    call: Any = function.call
    given = (*call.__code__.co_names, *(call.__defaults__ or ()))
    assert function.name.rpartition(".")[2] in given
