"""The graph of every item computes what the layer does: one sample and more, in float32 and float64."""

from __future__ import annotations

from typing import Any

import pytest

from tests.capture.agree import agree
from tests.layers.catalog import CATALOG
from tests.layers.item import Item, items

ITEMS = items(CATALOG)


def test_names_are_told_apart() -> None:
    assert len({i.name for i in ITEMS}) == len(ITEMS)


@pytest.mark.parametrize("item", ITEMS, ids=lambda i: i.name)
def test_capture(item: Item, keras: Any) -> None:
    agree(item.model(keras), item.batch(3), item.batch(1, seed=1), tolerance=item.entry.tolerance)
