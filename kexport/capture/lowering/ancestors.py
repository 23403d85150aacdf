"""Finds the ops from which tensors of a trace are computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def ancestors(tensors: Sequence[Any]) -> list[Any]:
    """Return the ops that tensors depend on, each once."""
    stack = [t.op for t in tensors]
    found = {id(op): op for op in stack}
    while stack:
        for tensor in stack.pop().inputs:
            if id(tensor.op) not in found:
                found[id(tensor.op)] = tensor.op
                stack.append(tensor.op)
    return list(found.values())
