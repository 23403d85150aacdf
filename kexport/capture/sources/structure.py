"""Nested inputs and outputs as JSON trees of positions (see `kexport.ir.contract`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Path = tuple[str | int, ...]


def flatten(value: Any) -> tuple[list[Any], Any]:
    """The leaves of a nest of lists, tuples and dicts, and its tree of positions. None is no leaf, it stays None.

    The order is that of `keras.tree.flatten` and so of `model.inputs`: plain dicts by sorted key.
    """
    leaves: list[Any] = []

    def visit(item: Any) -> Any:
        if item is None:
            return None
        if isinstance(item, Mapping):
            return {str(k): visit(item[k]) for k in _keys(item)}
        if isinstance(item, (list, tuple)):
            return [visit(i) for i in item]
        leaves.append(item)
        return len(leaves) - 1

    tree = visit(value)
    return leaves, tree


def unflatten(tree: Any, leaves: Sequence[Any]) -> Any:
    """The nest of `leaves` that a tree of positions describes."""
    if isinstance(tree, dict):
        return {k: unflatten(t, leaves) for k, t in tree.items()}
    if isinstance(tree, list):
        return [unflatten(t, leaves) for t in tree]
    return None if tree is None else leaves[tree]


def paths(tree: Any) -> list[Path]:
    """The keys and indices that lead to each position, in order of position."""
    found: dict[int, Path] = {}

    def visit(item: Any, path: Path) -> None:
        if isinstance(item, int):
            found[item] = path
        elif item is not None:
            for key, child in item.items() if isinstance(item, dict) else enumerate(item):
                visit(child, (*path, key))

    visit(tree, ())
    return [found[i] for i in sorted(found)]


def unique(names: Iterable[str], others: Iterable[str] = ()) -> list[str]:
    """The names, repetitions with `_1`, `_2` … appended so that none stands there twice or among the `others`."""
    wanted = list(names)
    seen = set(others)
    taken = seen.union(wanted)
    result: list[str] = []
    for name in wanted:
        fresh = name
        count = 0
        while fresh in seen or (count and fresh in taken):
            count += 1
            fresh = f"{name}_{count}"
        seen.add(fresh)
        result.append(fresh)
    return result


def _keys(mapping: Mapping[Any, Any]) -> list[Any]:
    if type(mapping) is not dict:
        return list(mapping)
    try:
        return sorted(mapping)
    except TypeError:
        return list(mapping)
