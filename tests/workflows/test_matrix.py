"""The support matrix in the targets' README is what their tables say."""

from __future__ import annotations

from pathlib import Path

import pytest

from kexport.ir.op import OPS
from kexport.target import targets
from kexport.workflows.matrix import DECOMPOSED, LACKING, NATIVE, markdown, support, support_matrix

BEGIN = "<!-- support matrix: generated -->\n"
END = "<!-- end -->"


def test_the_readme_shows_the_matrix(root: Path, request: pytest.FixtureRequest) -> None:
    path = root / "targets" / "README.md"
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    shown, after = rest.split(END)
    current = f"\n{markdown(support_matrix())}\n"
    if request.config.getoption("--update"):
        path.write_text(before + BEGIN + current + END + after, encoding="utf-8")
        return
    assert shown == current, "run: pytest tests/workflows/test_matrix.py --update"


def test_every_op_is_emitted_decomposed_or_refused_with_a_reason() -> None:
    bare = [f"{row.op} on {name}" for row in support_matrix() for name, how in row.support.items() if how == LACKING]
    assert not bare, "no emitter, no decomposition, no reason"


def test_support_reads_the_targets_tables() -> None:
    target = targets()["onnx"]
    assert support(target, OPS["conv"]) == NATIVE
    assert support(target, OPS["squared_difference"]) == DECOMPOSED
