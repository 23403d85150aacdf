"""Reshaping, cropping, padding and upsampling."""

from __future__ import annotations

from typing import Any

from tests.layers.item import Entry, Feed

LINE = Feed((8, 4), open=(None, 4))
IMAGE = Feed((7, 6, 4), open=(None, None, 4))
BLOCK = Feed((6, 5, 4, 3), open=(None, None, None, 3))
FIRST: dict[str, tuple[Any, ...]] = {"data_format": ("channels_first",)}

SHAPE = {
    "Reshape": (
        Entry((Feed((4, 6)),), {"target_shape": (-1, 3)}, {"target_shape": ((2, 2, 6), (24,))}),
        Entry((LINE,), {"target_shape": (-1, 2, 2)}, note="of open length"),
    ),
    "Flatten": (Entry((Feed((4, 5, 6)),), {}, FIRST), Entry((Feed(()),), note="of scalars")),
    "Permute": (Entry((IMAGE,), {"dims": (2, 1, 3)}, {"dims": ((3, 1, 2),)}),),
    "RepeatVector": (Entry((Feed((4,)),), {"n": 3}),),
    "Cropping1D": (Entry((LINE,), {}, {"cropping": (2, (0, 3))}),),
    "Cropping2D": (Entry((IMAGE,), {"cropping": 1}, {"cropping": ((2, 1), ((1, 0), (0, 2))), **FIRST}),),
    "Cropping3D": (Entry((BLOCK,), {"cropping": 1}, {"cropping": ((2, 1, 0), ((1, 0), (0, 2), (1, 1))), **FIRST}),),
    "ZeroPadding1D": (Entry((LINE,), {}, {"padding": (2, (0, 3)), **FIRST}),),
    "ZeroPadding2D": (Entry((IMAGE,), {}, {"padding": (2, (2, 1), ((1, 0), (0, 2))), **FIRST}),),
    "ZeroPadding3D": (Entry((BLOCK,), {}, {"padding": (2, (2, 1, 0), ((1, 0), (0, 2), (1, 1))), **FIRST}),),
    "UpSampling1D": (Entry((LINE,), {}, {"size": (3,)}),),
    "UpSampling2D": (
        Entry((IMAGE,), {}, {"size": (3, (2, 3)), "interpolation": ("bilinear", "bicubic"), **FIRST}),
        Entry(
            (Feed((5, 4, 3)),),
            {"size": 2, "interpolation": "lanczos3"},
            {"interpolation": ("lanczos5",)},
            note="by lanczos",
        ),
        Entry(
            (Feed((5, 4, 3), open=(None, None, 3)),),
            {"size": 2, "interpolation": "lanczos3"},
            note="by lanczos at open size",
        ),
    ),
    "UpSampling3D": (Entry((BLOCK,), {}, {"size": (3, (1, 2, 3)), **FIRST}),),
}
