"""Models that Keras quantized: captured exactly, their weights integers in every artifact, verified in its runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
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
    from kexport.capture.capturing import capture

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


def test_a_file_that_keras_cannot_read_back_says_what_else_can_be_done(keras: Any, tmp_path: Path) -> None:
    """Attention saves how its parts are quantized nowhere."""
    from kexport.capture.load import load
    from kexport.errors import CaptureError

    (case,) = (c for c in MODELS if c.name == "attention-int8")
    case.models(keras)[1].save(tmp_path / "m.keras")
    with pytest.raises(CaptureError, match=r"for object <EinsumDense .*: Layer '.*' expected . variables") as e:
        load(tmp_path / "m.keras")
    assert "kexport.export(model)" in str(e.value.hint)


def test_float8_rounds_as_it_is_trained_to(keras: Any) -> None:
    """Weights stay in float: Keras rounds them, and what they meet, whenever the model runs."""
    from kexport.capture.capturing import capture

    keras.utils.set_random_seed(7)
    x = keras.Input((16,))
    model = keras.Model(x, keras.layers.Dense(6)(keras.layers.Dense(24, activation="relu")(x)))
    model.quantize("float8")
    for layer in model.layers[1:]:
        layer.inputs_scale.assign(0.25)
        layer.kernel_scale.assign(0.01)
    captured = capture(model)
    for scale in (1, 1e-3, 1e3):
        batch = [np.random.default_rng(3).standard_normal((5, 16)).astype(np.float32) * scale]
        compare(captured, batch, captured.source.run(batch), TOLERANCE, wide=False)


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_every_number_rounds_to_the_nearest_of_8_bits(name: str, keras: Any) -> None:
    import ml_dtypes
    import tensorflow as tf

    from tests.capture.agree import agree
    from tests.capture.layer_of import layer_of

    dtype = getattr(ml_dtypes, name)
    grid = np.arange(256, dtype=np.uint8).view(dtype).astype(np.float32)
    grid = np.unique(grid[np.isfinite(grid)])
    between = [(grid[1:] + grid[:-1]) / 2, np.nextafter(grid, -np.inf)[1:], np.nextafter(grid, np.inf)[:-1]]
    x = keras.Input((None,))
    call = layer_of(keras, lambda a: tf.cast(tf.cast(a, getattr(tf.dtypes.experimental, name)), tf.float32))
    agree(keras.Model(x, call(x)), [np.concatenate([grid, *between])[None].repeat(2, axis=0)], tolerance=0)
