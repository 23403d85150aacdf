"""One model, every installed target: the artifacts read back have one contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kexport
from kexport.target import targets


@pytest.fixture(scope="module")
def model() -> Any:
    keras = pytest.importorskip("keras", reason="the model is made with Keras")
    ids = keras.Input((None,), dtype="int32", name="ids")
    photo = keras.Input((8, 8, 3), name="photo")
    words = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(20, 6)(ids))
    image = keras.layers.Conv2D(6, 3, activation="relu")(photo)
    joined = keras.layers.Dense(4, name="scores")(words + keras.layers.GlobalMaxPooling2D()(image))
    return keras.Model({"ids": ids, "photo": photo}, {"scores": joined, "image": image})


def test_all_artifacts_have_one_contract(model: Any, tmp_path: Path) -> None:
    names = [name for name, target in targets().items() if not target.missing()]
    report = kexport.export(model, to=names, out=tmp_path, verify=False)
    found = {a.target: targets()[a.target].read_contract(Path(a.path)) for a in report.artifacts}
    assert sorted(found) == sorted(names)
    for name, contract in found.items():
        for word in ("inputs", "outputs"):
            want = getattr(report.contract, word)
            got = getattr(contract, word)
            assert [(p.name, p.type.dtype, p.type.rank) for p in got] == [
                (p.name, p.type.dtype, p.type.rank) for p in want
            ], name
            for a, b in zip(want, got, strict=True):
                fixed = [(i, d) for i, d in enumerate(a.type.shape) if isinstance(d, int)]
                assert [(i, b.type.shape[i]) for i, _ in fixed] == fixed, (name, b)
                assert all(not isinstance(d, int) for i, d in enumerate(b.type.shape) if (i, d) not in fixed), (name, b)
