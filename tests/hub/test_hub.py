"""Backbones of keras-hub: the graph computes what the model does, and a few are verified on every target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.target import targets
from tests.capture.agree import agree
from tests.hub.backbone import Backbone
from tests.hub.catalog import BACKBONES
from tests.hub.count import PROVEN, outcomes

TOLERANCE = 1e-4
VERIFIED = (
    "BertBackbone",
    "CLIPBackbone",
    "Qwen3Backbone",
    "SegFormerBackbone",
    "T5Backbone",
    "WhisperBackbone",
    "XLNetBackbone",
)


@pytest.fixture(scope="module")
def hub() -> Any:
    return pytest.importorskip("keras_hub", reason="keras-hub, whose backbones these are, is not installed")


def test_names_are_told_apart() -> None:
    assert len({b.name for b in BACKBONES}) == len(BACKBONES)
    assert {b.name for b in BACKBONES} >= set(VERIFIED)


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda b: b.name)
def test_capture(backbone: Backbone, hub: Any) -> None:
    batches = [_ordered(backbone.batch(size, seed)) for size, seed in ((2, 0), (1, 1))]
    agree(backbone.model(hub), *batches, tolerance=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("name", VERIFIED)
def test_verified(name: str, hub: Any) -> None:
    installed = [n for n, target in targets().items() if not target.missing()]
    (backbone,) = (b for b in BACKBONES if b.name == name)
    found = outcomes(backbone, hub, installed)
    assert {t: reason for t, (status, reason) in found.items() if status not in PROVEN} == {}


def _ordered(batch: Any) -> list[np.ndarray]:
    """The inputs in the order of the contract, which is that of their names."""
    return [batch[k] for k in sorted(batch)] if isinstance(batch, dict) else [batch]
