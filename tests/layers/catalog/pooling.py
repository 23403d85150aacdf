"""Pooling: windows, global and adaptive."""

from __future__ import annotations

from typing import Any

from tests.layers.item import Entry, Feed

FEEDS = (
    Feed((11, 4), open=(None, 4)),
    Feed((9, 8, 4), open=(None, None, 4)),
    Feed((7, 6, 5, 3), open=(None, None, None, 3)),
)
FIXED = tuple(Feed(f.shape) for f in FEEDS)
FIRST: dict[str, tuple[Any, ...]] = {"data_format": ("channels_first",)}
_WINDOWS = {"pool_size": (3,), "strides": (1, 3), "padding": ("same",), **FIRST}
_ALSO = ({"padding": "same", "strides": 2, "pool_size": 3}, {"padding": "same", "data_format": "channels_first"})

POOLING = {
    **{
        f"{kind}Pooling{rank}D": (Entry((FEEDS[rank - 1],), {"pool_size": 2}, _WINDOWS, _ALSO),)
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    },
    **{
        f"Global{kind}Pooling{rank}D": (
            Entry(
                (FEEDS[rank - 1],),
                {},
                {"keepdims": (True,), **FIRST},
                ({"keepdims": True, "data_format": "channels_first"},),
            ),
        )
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    },
    **{
        f"Adaptive{kind}Pooling{rank}D": (
            Entry((FIXED[rank - 1],), {"output_size": 3}, {"output_size": (2, 5), **FIRST}),
        )
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    },
}
