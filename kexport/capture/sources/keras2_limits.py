"""Limits to what tf_keras does while it makes a model of a config: memory for variables, and attempts at a call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from kexport.capture.sources.limits import BOMB_FLOOR, BOMB_RATIO, MAX_ATTEMPTS, too_many_weights
from kexport.errors import CaptureError


@contextmanager
def limited(path: Path) -> Iterator[None]:
    """Hold what is made of the config of a file to what the file can hold.

    Raises:
        CaptureError: see `limited_variables` and `limited_attempts`.
    """
    with limited_variables(BOMB_FLOOR + BOMB_RATIO * path.stat().st_size), limited_attempts(MAX_ATTEMPTS):
        yield


@contextmanager
def limited_variables(limit: int) -> Iterator[None]:
    """Refuse variables of more than `limit` bytes together: what a file's weights cannot fill is not made.

    Raises:
        CaptureError: a variable goes beyond it.
    """
    import tensorflow as tf

    made = 0
    found: list[CaptureError] = []

    def create(create_next: Any, **options: Any) -> Any:
        nonlocal made
        given: Any = options.get("shape")
        shape = tf.TensorShape(given)
        dtype = options.get("dtype")
        if shape.is_fully_defined():
            made += (shape.num_elements() or 0) * (tf.as_dtype(dtype).size if dtype is not None else 4)
        if made > limit:
            found.append(too_many_weights(made, str(options.get("name") or "") or None))
            raise found[0]
        return create_next(**options)

    try:
        with tf.variable_creator_scope(create):
            yield
    except Exception:
        if found:
            raise found[0] from None  # Keras makes another error of it, with pages of arguments
        raise


@contextmanager
def limited_attempts(limit: int) -> Iterator[None]:
    """Have Keras 2 try each call of a functional model `limit` times at most: it tries again for ever.

    Raises:
        CaptureError: a call waits for a result that never comes.
    """
    from tf_keras.src.utils.tf_utils import ListWrapper

    tried: Counter[int] = Counter()
    as_list = ListWrapper.as_list
    kept = []

    def counted(self: Any) -> Any:
        tried[id(self)] += 1
        if tried[id(self)] == 1:
            kept.append(self)  # so that no other gets its id
        if tried[id(self)] > limit:
            raise CaptureError("a layer takes a result of it that is never there", where=str(as_list(self)[0]))
        return as_list(self)

    with patch.object(ListWrapper, "as_list", counted):
        yield
