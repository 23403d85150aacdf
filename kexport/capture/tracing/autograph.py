"""Layers that branch on a tensor in Python, or loop up to its value: AutoGraph turns that into graph ops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import tensorflow as tf
from tensorflow.python.autograph.core import ag_ctx
from tensorflow.python.autograph.impl.api import tf_convert


def is_python_branch(error: BaseException) -> bool:
    """Whether tracing failed because Python asked a symbolic tensor for its value, as `if` and `range` do."""
    if isinstance(error, tf.errors.OperatorNotAllowedInGraphError):
        return True
    return isinstance(error, TypeError) and "'SymbolicTensor' object cannot be interpreted as an int" in str(error)


@contextmanager
def converting(classes: Sequence[type]) -> Iterator[None]:
    """Have AutoGraph convert `call` of these layer classes for the time being."""
    context = ag_ctx.ControlStatusCtx(ag_ctx.Status.ENABLED)
    with ExitStack() as undo:
        for cls in classes:
            owner: Any = next(c for c in cls.__mro__ if "call" in vars(c))
            undo.callback(setattr, owner, "call", vars(owner)["call"])
            owner.call = tf_convert(vars(owner)["call"], context)
        yield
