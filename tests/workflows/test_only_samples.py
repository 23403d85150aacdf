"""Models that generated inputs do not suit are verified on the user's alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kexport
from kexport.errors import ConfigError


@pytest.fixture(scope="module")
def looking_up() -> Any:
    """A model whose first input counts the rows of the second."""
    import keras

    rows = keras.Input((2,), dtype="int32", name="rows")
    table = keras.Input((None, 3), name="table")
    taken = keras.layers.Lambda(lambda v: keras.ops.take_along_axis(v[1], v[0][..., None], axis=1))([rows, table])
    return keras.Model([rows, table], taken, name="looking_up")


def test_only_the_samples_are_run(looking_up: Any, tmp_path: Path) -> None:
    rows = np.array([[6, 0], [3, 3]], "int32")
    table = np.random.default_rng(0).normal(size=(2, 7, 3)).astype("f4")
    np.savez(tmp_path / "x.npz", rows=rows, table=table)
    report = kexport.export(looking_up, "onnx", tmp_path / "out", samples=tmp_path / "x.npz", only_samples=True)
    (artifact,) = report.artifacts
    assert artifact.status == "verified"
    assert {b["kind"] for b in artifact.verdicts[0].batches} == {"sample"}


def test_only_samples_without_samples_is_an_error(looking_up: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there are no inputs to use alone") as caught:
        kexport.export(looking_up, "onnx", tmp_path / "out", only_samples=True)
    assert "--inputs FILE" in str(caught.value.hint)
