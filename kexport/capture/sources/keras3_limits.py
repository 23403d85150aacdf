"""Limits to what Keras 3 does while it makes a model of a file's config: memory for weights, and attempts at a call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any
from unittest.mock import patch

from kexport.capture.sources.limits import BOMB_FLOOR, BOMB_RATIO, MAX_ATTEMPTS, too_many_weights
from kexport.errors import CaptureError


@contextmanager
def limited(keras: Any, path: Path) -> Iterator[None]:
    """Hold what is made of the config of a file to what the file can hold.

    Raises:
        CaptureError: see `limited_weights` and `limited_attempts`.
    """
    with limited_weights(keras, path), limited_attempts():
        yield


@contextmanager
def limited_attempts() -> Iterator[None]:
    """Have Keras try each call of a functional model a number of times at most: before 3.12 it tried for ever.

    Raises:
        CaptureError: a call waits for a result that never comes.
    """
    from keras.src.models import functional

    tried: Counter[int] = Counter()
    deserialize = functional.deserialize_node

    def counted(node: Any, layers: Any) -> Any:
        tried[id(node)] += 1
        if tried[id(node)] > MAX_ATTEMPTS:
            raise CaptureError("a layer is called on results that are never there")
        return deserialize(node, layers)

    with patch.object(functional, "deserialize_node", counted):
        yield


@contextmanager
def limited_weights(keras: Any, path: Path) -> Iterator[None]:
    """Refuse weights that the file at `path` cannot hold, however well it is packed.

    Raises:
        CaptureError: a layer goes beyond the limit; names it.
    """
    add_weight = keras.layers.Layer.add_weight
    limit = BOMB_FLOOR + BOMB_RATIO * path.stat().st_size
    made = 0
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
