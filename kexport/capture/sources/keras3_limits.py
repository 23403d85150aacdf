"""A limit to the memory that Keras 3 takes for weights while it makes a model of a file's config, on any backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any
from unittest.mock import patch

from kexport.capture.sources.limits import BOMB_FLOOR, BOMB_RATIO, too_many_weights
from kexport.errors import CaptureError


@contextmanager
def limited_weights(keras: Any, path: Path) -> Iterator[None]:
    """Refuse weights that the file at `path` cannot hold, however well it is packed.

    Raises:
        CaptureError: a layer goes beyond the limit; names it.
    """
    add_weight, limit, made = keras.layers.Layer.add_weight, BOMB_FLOOR + BOMB_RATIO * path.stat().st_size, 0
    found: list[CaptureError] = []

    def counted(self: Any, shape: Any = None, *rest: Any, **options: Any) -> Any:
        nonlocal made
        sizes = shape if isinstance(shape, (tuple, list)) else (shape or 1,)
        made += prod(n for n in sizes if isinstance(n, int)) * 4
        if made > limit:
            found.append(too_many_weights(made, str(getattr(self, "name", "")) or None))
            raise found[0]
        return add_weight(self, shape, *rest, **options)

    try:
        with patch.object(keras.layers.Layer, "add_weight", counted):
            yield
    except Exception:
        if found:
            raise found[0] from None  # Keras makes another error of it, with pages of arguments
        raise
