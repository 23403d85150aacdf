"""Branches, loops, lists, states and the classifier's end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from kexport.errors import VerifyError
from kexport_shared.mil.context import Context
from kexport_shared.mil.dtypes import dtype_named

Array = np.ndarray


def cond(context: Context, pred: Array) -> tuple[Any, ...]:
    """The results of the first block if the condition holds, else of the second."""
    yes, no = context.operation.blocks
    return tuple(context.run(yes if pred else no, ()))


def while_loop(context: Context, loop_vars: Sequence[Any]) -> tuple[Any, ...]:
    """The second block again and again while the first says so."""
    test, body = context.operation.blocks
    values = list(loop_vars)
    while np.all(context.run(test, values)[0]):
        values = context.run(body, values)
    return tuple(values)


class TensorList(NamedTuple):
    """A list of tensors; a place not written yet is None."""

    items: tuple[Array | None, ...]
    shape: tuple[int, ...] | None
    dtype: np.dtype
    grows: bool

    def written(self, index: int, value: Array) -> TensorList:
        """The list with one more item written."""
        if index < 0 or (index >= len(self.items) and not self.grows):
            raise VerifyError(f"index {index} is outside the list of {len(self.items)}")
        items = [*self.items, *(None,) * (index + 1 - len(self.items))]
        items[index] = value
        return self._replace(items=tuple(items))

    def read(self, index: int) -> Array:
        """An item; one never written is zero."""
        if not 0 <= index < len(self.items):
            raise VerifyError(f"index {index} is outside the list of {len(self.items)}")
        found = self.items[index]
        if found is not None:
            return found
        written = [i.shape for i in self.items if i is not None]
        shape = self.shape if self.shape is not None else written[0] if written else None
        if shape is None:
            raise VerifyError("an item that was never written is read, and its shape is not known")
        return np.zeros(shape, self.dtype)


def make_list(
    context: Context,
    elem_shape: Sequence[Any],
    init_length: Array | int = 1,
    dynamic_length: Array | bool = True,
    dtype: str = "fp32",
) -> TensorList:
    """A list of tensors of one shape."""
    known = all(not isinstance(s, str) for s in elem_shape)
    held = context.mode.hold(np.zeros(0), dtype_named(dtype)).dtype
    shape = tuple(int(s) for s in elem_shape) if known else None
    return TensorList((None,) * int(init_length), shape, held, bool(dynamic_length))


def list_scatter(ls: TensorList, indices: Array, value: Array) -> TensorList:
    """The list with several items written."""
    for index, item in zip(indices, value, strict=True):
        ls = ls.written(int(index), item)
    return ls


def read_state(context: Context, input: str) -> Array:
    """The content of a state."""
    return np.array(context.states[input])


def write_state(context: Context, input: str, data: Array) -> tuple[()]:
    """Replaces the content of a state."""
    if np.shape(data) != context.states[input].shape:
        raise VerifyError(f"a state of shape {context.states[input].shape} cannot hold {np.shape(data)}")
    context.states[input] = np.array(data)
    return ()


def classify(probabilities: Array, classes: Sequence[Any]) -> tuple[Any, dict[Any, float]]:
    """The label of the largest probability, and all of them by label."""
    labels = [c.item() if isinstance(c, np.ndarray) else c for c in classes]
    values = np.ravel(probabilities).tolist()
    best = labels[int(np.argmax(values))]
    named = dict(zip(labels, values, strict=True))
    return (best if isinstance(best, str) else np.array(best, np.int64)), named


OPERATIONS: dict[str, Callable[..., Any]] = {
    "list_length": lambda ls: np.array(len(ls.items), np.int32),
    "list_read": lambda ls, index: ls.read(int(index)),
    "list_write": lambda ls, index, value: ls.written(int(index), value),
    "list_gather": lambda ls, indices: np.stack([ls.read(int(i)) for i in indices]),
    "list_scatter": list_scatter,
    "classify": classify,
}
CONTEXTUAL: dict[str, Callable[..., Any]] = {
    "cond": cond,
    "while_loop": while_loop,
    "make_list": make_list,
    "read_state": read_state,
    "write_state": write_state,
}
