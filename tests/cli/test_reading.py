"""Options that say how to read a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kexport.capture.sources.example import read_example
from kexport.cli.values import read_replacements
from kexport.errors import ConfigError


def test_replacements_are_pairs() -> None:
    assert read_replacements(["a=x/127.5-1", "b = x == 1"]) == {"a": "x/127.5-1", "b": "x == 1"}
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        read_replacements(["a"])


def test_an_example_keeps_names_and_types(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", ids=np.zeros((1, 3), "int32"), mask=np.ones((1, 3), bool))
    found = read_example(str(tmp_path / "x.npz"))
    assert {n: a.dtype.name for n, a in found.items()} == {"ids": "int32", "mask": "bool"}
    np.save(tmp_path / "x.npy", np.zeros((1, 3), "float32"))
    assert read_example(str(tmp_path / "x.npy")).shape == (1, 3)
    assert read_example(None) is None


@pytest.mark.parametrize(("content", "what"), [(None, "no such file"), (b"", "no .npz"), (b"PK\x03\x04", "no .npz")])
def test_what_is_no_example_is_one_error(tmp_path: Path, content: bytes | None, what: str) -> None:
    if content is not None:
        (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ConfigError, match=what):
        read_example(str(tmp_path / "x.npz"))
