"""Normalizations."""

from __future__ import annotations

import numpy as np

from tests.layers.item import Entry, Feed

IMAGE = Feed((6, 5, 8), open=(None, None, 8))
PARTS = {"center": (False,), "scale": (False,), "epsilon": (0.1,)}

NORMALIZATION = {
    "BatchNormalization": (
        Entry((IMAGE,), {}, {"axis": (3,), **PARTS, "renorm": (True,)}),
        Entry((Feed((6, 5, 8)),), {"axis": 1}, note="of axis 1"),
        Entry((Feed((8,)),), note="of rows"),
    ),
    "LayerNormalization": (
        Entry((IMAGE,), {}, {"axis": ([-1],), **PARTS}),
        Entry((Feed((6, 5, 8)),), {"axis": [1, 2, 3]}, {"axis": (1, [2, 3], [-1, 1])}, note="of several axes"),
    ),
    "GroupNormalization": (
        Entry((IMAGE,), {"groups": 4}, {"groups": (8, 1, -1), **PARTS}),
        Entry((Feed((6, 5, 8)),), {"groups": 3, "axis": 1}, note="of axis 1"),
    ),
    "RMSNormalization": (
        Entry((IMAGE,), {}, {"axis": ([-1],), "epsilon": (0.1,)}),
        Entry((Feed((6, 5, 8)),), {"axis": [2, 3]}, note="of several axes"),
    ),
    "UnitNormalization": (Entry((IMAGE,), {}, {"axis": (1, [1, 2])}),),
    "Normalization": (
        Entry((Feed((3, 4)),), {"mean": np.arange(4.0), "variance": np.arange(1.0, 5.0)}, {"invert": (True,)}),
        Entry((Feed((3, 4)),), {"mean": 0.5, "variance": 2.0, "axis": None}, note="of all axes"),
        Entry((Feed((3, 4)),), {"mean": np.arange(3.0), "variance": np.ones(3), "axis": 1}, note="of axis 1"),
    ),
}
