"""Every op states its own traits: they have no default, and none is inherited."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from kexport import ops
from kexport.ir.op import OPS, Op
from tests.house.modules import Module, modules

FAMILIES = {"RegionOp"}
"""Bases without a meaning of their own, as are all that name no op."""


def outside_ops() -> Iterator[tuple[Module, ast.ClassDef]]:
    """The classes of ops that are no part of the vocabulary: those of targets, and stand-ins."""
    for module in modules().values():
        if module.name.startswith("kexport.ops"):
            continue
        for node in ast.walk(ast.parse(module.path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and any(ast.unparse(b) in ("Op", "RegionOp") for b in node.bases):
                yield module, node


@pytest.mark.parametrize("op", OPS.values(), ids=list(OPS))
def test_each_op_states_its_own_traits(op: type[Op]) -> None:
    assert "traits" in vars(op), f"{op.__name__} needs `traits = Traits(…)` (kexport/ir/traits.py)"


def test_ops_outside_of_the_vocabulary_do_so_too() -> None:
    found = [(m, c) for m, c in outside_ops() if c.name not in FAMILIES]
    without = [
        f"{m.path.name}:{c.lineno} {c.name}"
        for m, c in found
        if not any(isinstance(s, ast.Assign) and ast.unparse(s.targets[0]) == "traits" for s in c.body)
    ]
    assert found
    assert not without


def test_an_op_is_what_its_mirror_says() -> None:
    mirrors = {name: op.traits.algebra.mirrored for name, op in OPS.items() if op.traits.algebra.mirrored}
    assert mirrors
    assert all(mirrors.get(other) == name for name, other in mirrors.items())
    assert ops.Less.traits.algebra.mirrored == ops.Greater.name
