"""Bodies of loops and branches are functions of the SavedModel: whole, callable, and damage in them is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kexport.errors import EmitError
from kexport.lowered import contract_of
from kexport_savedmodel import TARGET
from kexport_savedmodel.context import TENSORFLOW
from kexport_savedmodel.emit import EMIT
from kexport_savedmodel.library import result_name
from kexport_savedmodel.writer import MODEL
from kexport_shared.graphdef.emission import emit
from tests.ops.cases import CASES, TEXT
from tests.savedmodel.helper import export, run
from tests.tfjs.loops import branch_of_sizes, halved


def _kinds() -> set[str]:
    """The ops that the cases of all ops are made of."""
    found: set[str] = set()
    for case in (*CASES, *TEXT):
        graph = case.graph()
        contract = contract_of(graph)
        TARGET.legalize(graph, TARGET.options())
        made = emit(graph, contract, TENSORFLOW, EMIT)
        found |= {n.kind for n in (*made.nodes, *(n for f in made.functions for n in f.nodes))}
    return found


def test_functions_name_results_as_tensorflow_does() -> None:
    from tensorflow.python.framework import op_def_registry  # pyright: ignore

    for kind in sorted(_kinds()):
        names = [r.name for r in op_def_registry.get(kind).output_arg]
        assert [result_name(kind, i).split(":")[0] for i in range(len(names))] == names, kind


def test_a_size_that_a_branch_cannot_see_comes_in_as_an_argument(tmp_path: Path) -> None:
    path = export(branch_of_sizes(), tmp_path / "m")
    x = np.ones((3, 2), np.float32)
    for flag, want in ((True, [[1.0, 1.0]] * 3), (False, [[0.0, 0.0]] * 3)):
        np.testing.assert_array_equal(run(path, {"flag": np.array(flag), "x": x})["y"], want)


def _bytes(path: Path, old: bytes, new: bytes) -> None:
    data = (path / MODEL).read_bytes()
    assert old in data
    (path / MODEL).write_bytes(data.replace(old, new, 1))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "operand": (lambda p: _bytes(p, b"\x1a\x04in_1", b"\x1a\x04in_7"), "Mul reads in_7, which is not made before it"),
    "result": (lambda p: _bytes(p, b"\x12\x07Mul:z:0", b"\x12\x07Mux:z:0"), "step returns Mux:z:0, which does not"),
    "call": (lambda p: _bytes(p, b"\x0a\x09half/step", b"\x0a\x09half/stop"), "calls half/stop, which does not"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found(kind: str, tmp_path: Path) -> None:
    path = export(halved(), tmp_path / "m")
    damage, message = DAMAGE[kind]
    damage(path)
    with pytest.raises(EmitError, match=message):
        TARGET.validate(path)
