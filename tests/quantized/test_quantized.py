"""Models that Keras quantized: captured exactly, their weights integers in every artifact, verified in its runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kexport
from kexport.target import targets
from tests.capture.agree import compare
from tests.quantized.models import MODELS, Quantized
from tests.quantized.stored import stored

PACKING = ("onnx", "tflite")
"""Targets whose files hold integers of 4 bits; the others hold 8."""
MOST = 0.35
"""The size of the artifact, as a part of the one in float."""
VERIFIED = ("mlp-int8", "mlp-int4-blocks", "mlp-awq", "wide-int8", "attention-int4", "einsum-gptq", "words-back-int8")
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def keras() -> Any:
    from kexport.capture.sources.frameworks import import_keras

    return import_keras()


@pytest.fixture(scope="module")
def installed() -> list[str]:
    """The targets that can emit here, each of which the tests know how to read."""
    return [name for name, target in targets().items() if not target.missing()]


@pytest.mark.parametrize("case", MODELS, ids=lambda c: c.name)
def test_capture(case: Quantized, keras: Any) -> None:
    from kexport.capture.capture import capture

    _, model = case.models(keras)
    captured = capture(model)
    for size, seed in ((3, 0), (1, 1)):
        batch = [case.batch(model, size, seed)]
        compare(captured, batch, captured.source.run(batch), TOLERANCE, wide=False)


@pytest.mark.parametrize("case", MODELS, ids=lambda c: c.name)
def test_integers_stay_integers(case: Quantized, keras: Any, installed: list[str], tmp_path: Path) -> None:
    plain, quantized = (
        kexport.export(model, installed, tmp_path / str(i), verify=False, name="m")
        for i, model in enumerate(case.models(keras))
    )
    for before, after in zip(plain.artifacts, quantized.artifacts, strict=True):
        counts = stored(after.target, Path(after.path))
        integers = sum(n for dtype, n in counts.items() if dtype in ("int8", "uint8", "int4", "uint4"))
        assert integers == case.weights, (after.target, counts)
        if case.bits == 4 and after.target in PACKING:
            assert counts["int4"] + counts["uint4"] == case.weights, (after.target, counts)
        assert counts["float32"] + counts["float"] < case.weights / 8, (after.target, counts)
        assert after.size < MOST * before.size, (after.target, after.size, before.size)


@pytest.mark.slow
@pytest.mark.parametrize("name", VERIFIED)
def test_verified(name: str, keras: Any, installed: list[str], tmp_path: Path) -> None:
    (case,) = (c for c in MODELS if c.name == name)
    report = kexport.export(case.models(keras)[1], installed, tmp_path, name="m")
    assert {a.target: a.reason for a in report.artifacts if a.status not in ("verified", "simulated")} == {}
