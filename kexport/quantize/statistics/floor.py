"""Finds from where on downwards numbers make no difference, as a softmax takes them for nothing.

A class whose logit is far below the greatest of its row has no probability to speak of, wherever it is. A range that
reaches down to the least logit spends most of its steps on such classes.
"""

from __future__ import annotations

import math

import numpy as np

from kexport import ops
from kexport.ir.graph import Graph, Value
from kexport.ir.op import Array

MASKED = -1e4
"""A row whose greatest number is below this one is masked as a whole: it says nothing, and may be cut off."""
LEFT = 8.0
"""exp(-LEFT) is the probability that all classes of a row which are cut off may get together."""


def feeds_softmax(graph: Graph, value: Value) -> bool:
    """Whether nothing but a softmax along the last axis reads a value."""
    readers = [u.op for u in value.users]
    last = (-1, value.type.rank - 1)
    whole = all(isinstance(op, ops.Softmax) and op.axis in last for op in readers)
    return bool(readers) and whole and not graph.is_output(value)


def softmax_floor(logits: Array) -> float:
    """The floor of what a softmax takes along the last axis: that of the row whose greatest number is least."""
    if not logits.size:
        return -math.inf
    top = logits.max(axis=-1)
    known = top[np.isfinite(top) & (top > MASKED)]
    return float(known.min()) - LEFT - math.log(logits.shape[-1]) if known.size else -math.inf
