"""Artifacts that take some sizes only are checked on those, beside others that take all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kexport
from kexport.evidence.sizes import sizes_within
from kexport.target import Span
from kexport.workflows.locating import locate
from kexport.workflows.verifying import verify


@pytest.fixture(scope="module")
def model() -> Any:
    keras = pytest.importorskip("keras", reason="the model is made with Keras")
    layers = keras.layers
    x = keras.Input((None, None, 3), name="photo")
    y = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
    return keras.Model(x, layers.GlobalAveragePooling2D(name="mean")(y), name="sized")


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [
        ("batch=1", {"batch": {1}}),
        ("height=32..512,width=64", {"height": set(range(32, 513)), "width": {64}}),
        ("batch=1,height=8|16,width=8|24", {"batch": {1}, "height": {8, 16}, "width": {8, 24}}),
    ],
)
def test_sizes_of_an_option(model: Any, tmp_path: Path, sizes: str, taken: dict[str, set[int]]) -> None:
    options = {"coreml": {"sizes": sizes}}
    report = kexport.export(model, to=["coreml", "onnx"], out=tmp_path, options=options, layers=True)
    assert [a.status for a in report.artifacts] == ["simulated", "verified"], report.artifacts[0].reason
    package, onnx = (next(v for v in a.verdicts if v.outputs) for a in report.artifacts)
    assert all(b["sizes"][name] in allowed for b in package.batches for name, allowed in taken.items())
    assert len(onnx.batches) > len(package.batches) >= 2
    again = verify(tmp_path)
    assert [a.status for a in again.artifacts] == ["simulated", "verified"]
    assert [x.status for x in locate(tmp_path).locations if x.layers] == ["simulated", "verified"]


def test_sizes_in_a_span() -> None:
    assert sizes_within(Span(7, 7)) == [7]
    assert sizes_within(Span(2, 9, (2, 9))) == [2, 9]
    assert sizes_within(Span(2, 9)) == [3, 5, 8, 2, 9]
    assert 7 in Span(2, 9)
    assert 7 not in Span(2, 9, (2, 9))
