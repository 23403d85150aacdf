"""The first example of the README is run as it stands there, and prints what stands below it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")

BLOCK = re.compile(r"```python\n(.*?)```\n\n```\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def example(root: Path) -> tuple[str, str]:
    """The code, and what it prints."""
    found = BLOCK.search((root / "README.md").read_text(encoding="utf-8"))
    assert found, "the README begins with no example"
    return found[1], found[2]


def shape(text: str) -> list[str]:
    """Lines without what differs from one machine to the next: numbers, and which of LiteRT's engines did worst."""
    return [re.sub(r"\d[\d.]*(e-\d+)?", "#", re.sub(r"litert-\w+", "litert", line)) for line in text.splitlines()]


@pytest.mark.slow
def test_the_first_example_prints_what_it_says(example: tuple[str, str], tmp_path: Path, root: Path) -> None:
    code, printed = example
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert shape(done.stdout) == shape(printed)
    assert {p.name for p in (tmp_path / "dist").iterdir()} >= {"digits.onnx", "digits.tflite", "kexport.json"}


def test_it_has_trained_weights_and_real_numbers(example: tuple[str, str]) -> None:
    code, printed = example
    assert ".fit(" in code
    errors = [float(e) for e in re.findall(r"error at most ([\d.e-]+)", printed)]
    assert len(errors) == len(printed.splitlines())
    assert all(0 < e < 1e-5 for e in errors)
    assert printed.count("verified") == len(errors)
