"""Derives the values that an input may take from the captured graph."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport.ir.dim import Dim, substitute
from kexport.ir.graph import Graph, Node, Use, Value
from kexport.ir.op import Array
from kexport.ir.traits import Keeps
from kexport.ir.types import DType, TensorType

DEFAULT_INT = (0, 9)
"""The range of an integer input that is not an index."""


@dataclass(frozen=True)
class Range:
    """The values of one input: `integers` and `uniform` lie in [low, high], `normal` has mean 0 and deviation 1.

    A `mask` is 1 and then 0 along its last axis. What is `measured` has the mean and the deviation of the data that the
    model was adapted to, by place on the last axis, or one for all.
    """

    kind: str
    low: float = -1.0
    high: float = 1.0
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    axis: Dim | None = None
    """The open size of the indexed axis: the values are below it."""
    ascending: bool = False
    """Whether the values are sorted along the last axis."""

    def within(self, sizes: Mapping[str, Dim]) -> Range:
        """Return the range for these sizes of open dims."""
        size = None if self.axis is None else substitute(self.axis, sizes)
        return dataclasses.replace(self, low=0, high=max(size, 1) - 1) if isinstance(size, int) else self

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {"kind": self.kind, "low": self.low, "high": self.high}


PIXELS = Range("uniform", 0.0, 255.0)
MASK = Range("mask", 0.0, 1.0)


def input_ranges(graph: Graph) -> dict[str, Range]:
    """Return the range of every input by name.

    An input used as an index gets [0, size of the indexed axis - 1]; a float input that is rescaled like an image gets
    [0, 255]; one that is searched in is sorted; one that is normalized gets the statistics it was adapted to; one
    called a mask, or an integer that is subtracted from 1, is a mask. Other integers get `DEFAULT_INT`, other floats
    the standard normal distribution.
    """
    return {v.name: _range(v) for v in graph.inputs}


def narrower(graph: Graph, ranges: Mapping[str, Range]) -> Iterator[dict[str, Range]]:
    """Yield ranges to try if a model rejects these: unconstrained integers become 0 or 1, then all integers do.

    An index computed by arithmetic, such as `question + answer * 20`, is not recognized in the graph.
    """
    guessed = {v.name for v in graph.inputs if _index_bounds(v) is None}
    integers = {name for name, r in ranges.items() if r.kind == "integers" and r.high > 1}
    for names in (integers & guessed, integers):
        if names:
            yield {n: Range("integers", 0, 1) if n in names else r for n, r in ranges.items()}


def default_range(type: TensorType, name: str = "") -> Range:
    """Return the range of an input of which only the type, and maybe the name, is known."""
    if type.rank >= 2 and re.split(r"[\W_]+", name.lower().rstrip("_0123456789"))[-1] == "mask":
        return MASK
    if type.dtype.is_int:
        return Range("integers", *_fit(*DEFAULT_INT, type.dtype))
    return Range("integers", 0, 1) if type.dtype is DType.BOOL else Range("normal")


def _range(value: Value) -> Range:
    bounds = _index_bounds(value)
    if bounds:
        return Range("integers", *_fit(*bounds, value.type.dtype))
    if value.type.dtype.is_int and (axis := _open_axis(value)) is not None:
        return Range("integers", *_fit(0, DEFAULT_INT[0], value.type.dtype), axis=axis)
    found = _of_values(value)
    return dataclasses.replace(found, ascending=True) if any(map(_is_searched, _uses(value))) else found


def _of_values(value: Value) -> Range:
    """Return the range of an input that is not an index."""
    if value.type.dtype.is_float and any(_is_rescaling(use) for use in value.uses):
        return PIXELS
    if value.type.dtype.is_float and (measured := _measured(value)) is not None:
        return measured
    if value.type.rank >= 2 and not value.type.dtype.is_float and any(map(_is_inverting, _uses(value))):
        return MASK
    return default_range(value.type, value.name)


def _fit(low: int, high: int, dtype: DType) -> tuple[int, int]:
    if not dtype.is_int:
        return low, high
    bits = int(dtype.value[1:])
    least, greatest = (0, 2**bits - 1) if dtype.value[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return max(low, least), min(high, greatest)


# --- indices


def _index_bounds(value: Value) -> tuple[int, int] | None:
    """Return the interval that `value` must lie in because it, or a value derived from it, is used as an index.

    Where one index is the value itself and another the value plus something, the value itself counts:
    `select(x < 0, x + n, x)` is how negative indices are handled.
    """
    found: dict[int, int] = {}
    work = [(value, 0)]
    seen = set[Value]()
    while work:
        current, offset = work.pop()
        if current in seen:
            continue
        seen.add(current)
        for use in current.uses:
            size = _indexed_size(use)
            if size is not None:
                found[offset] = min(size, found.get(offset, size))
            step = _step(use)
            if step is not None:
                work += [(result, offset + step) for result in use.node.outputs]
    if not found:
        return None
    offset = min(found, key=abs)
    return -offset, max(found[offset], 1) - 1 - offset


def _indexed_size(use: Use) -> int | None:
    """Return how many indices are valid, if this use is an index into a known number of elements."""
    op = use.node.op
    operands = use.node.inputs
    attributes = op.attributes()
    if op.name == "gather" and use.index == 1:
        return _static(operands[0].type.shape[attributes["axis"]])
    if op.name in ("gather_nd", "scatter_nd") and use.index == 1:
        first = attributes.get("batch_dims", 0)
        depth = _static(operands[1].type.shape[-1])
        sizes = [_static(d) for d in operands[0].type.shape[first : first + (depth or 0)]]
        return min((s for s in sizes if s is not None), default=None)
    if op.name == "one_hot":
        return _static(attributes["depth"])
    return None


def _step(use: Use) -> int | None:
    """Return the offset that this use adds to the values in its results; None if they do not appear there."""
    name = use.node.op.name
    facts = use.node.op.facts()
    operands = use.node.inputs
    if facts.keeps is Keeps.VALUES and (facts.data is None or use.index in facts.data):
        return 0
    if name == "add":
        return _scalar(operands[1 - use.index])
    if name == "sub" and use.index == 0:
        amount = _scalar(operands[1])
        return None if amount is None else -amount
    return None


def _static(dim: Any) -> int | None:
    return dim if isinstance(dim, int) else None


def _scalar(value: Value) -> int | None:
    constant = _constant(value)
    return None if constant is None or constant.size != 1 else int(constant.flat[0])


def _open_axis(value: Value) -> Dim | None:
    """Return the open size of another input, or of a value derived from it, that a value is an index into."""
    for use in _uses(value):
        if use.node.op.name == "gather" and use.index == 1:
            size = use.node.inputs[0].type.shape[use.node.op.attributes()["axis"]]
            return None if isinstance(size, int) else size
    return None


# --- sorted sequences


def _is_searched(use: Use) -> bool:
    """Return whether other values are searched for in it, so that it must be sorted.

    This is how `searchsorted` is captured: for each element of a column, the smaller elements of a row are counted.
    """
    node = use.node
    if node.op.name not in ("less", "less_equal") or use.index != 0:
        return False
    row, column = (v.type.shape for v in node.inputs)
    across = len(row) >= 2 and len(row) == len(column) and row[-2] == 1 and column[-1] == 1 and row[-1] != 1
    last = len(node.output.type.shape) - 1
    counted = [
        u.node.op.name == "reduce_sum" and tuple(u.node.op.attributes()["axes"]) == (last,) for u in _uses(node.output)
    ]
    return across and bool(counted) and all(counted)


# --- masks


def _uses(value: Value) -> Iterator[Use]:
    """Yield the uses of a value and of its copies."""
    for use in value.uses:
        if use.node.op.name in ("cast", "reshape", "broadcast_to"):
            yield from _uses(use.node.outputs[0])
        else:
            yield use


def _is_inverting(use: Use) -> bool:
    """Return whether this is `1 - x`, as in `scores + (1 - mask) * -1e9`."""
    constant = _constant(use.node.inputs[0]) if use.node.op.name == "sub" and use.index == 1 else None
    return constant is not None and bool(constant.size) and bool((constant == 1).all())


# --- images


def _is_rescaling(use: Use) -> bool:
    """Return whether this maps [0, 255] to about [-1, 1]: x/255, x*(1/127.5), x-mean, (x-mean)/deviation."""
    node: Node = use.node
    if node.op.name not in ("mul", "div", "sub", "add"):
        return False
    constant = _constant(node.inputs[1 - use.index])
    if constant is None or not constant.size or not np.isfinite(constant.astype(np.float64)).all():
        return False
    size = np.abs(constant.astype(np.float64))
    if node.op.name == "mul":
        return bool((size >= 1 / 300).all() and (size <= 1 / 50).all())
    if node.op.name == "div":
        return use.index == 0 and bool((size >= 50).all() and (size <= 300).all())
    return bool((size >= 90).all() and (size <= 140).all())


def _measured(value: Value) -> Range | None:
    """Return the statistics by which the model normalizes an input: (x - mean) / deviation, or a batch norm."""
    for use in value.uses:
        node = use.node
        where = [_constant(v) for v in use.node.inputs]
        if node.op.name == "batch_norm" and use.index == 0 and where[3] is not None and where[4] is not None:
            return _statistics(where[3], np.sqrt(where[4]), value)
        if node.op.name != "sub" or use.index != 0 or where[1] is None:
            continue
        for after in node.output.uses:
            scale = _constant(after.node.inputs[1 - after.index]) if after.node.op.name in ("div", "mul") else None
            if scale is not None and (after.node.op.name == "mul" or after.index == 0) and np.all(scale != 0):
                return _statistics(where[1], 1 / scale if after.node.op.name == "mul" else scale, value)
    return None


def _statistics(mean: Array, deviation: Array, value: Value) -> Range | None:
    """Return a range with these statistics, if they vary along the last axis only; None if they are nearly standard."""
    width = value.type.shape[-1] if value.type.rank else 1
    found = [np.abs(a.astype(np.float64)) if a is deviation else a.astype(np.float64) for a in (mean, deviation)]
    if any(a.size not in (1, width) or a.size != max(a.shape, default=1) or not np.isfinite(a).all() for a in found):
        return None
    center, spread = (a.reshape(-1) for a in found)
    if (np.abs(center) <= 1).all() and ((spread >= 0.3) & (spread <= 3)).all():
        return None
    return Range("measured", mean=tuple(center.tolist()), deviation=tuple(np.where(spread > 0, spread, 1).tolist()))


def _constant(value: Value) -> Array | None:
    """Return the data of a constant, looking through casts and reshapes."""
    while value.producer is not None and value.producer.op.name in ("cast", "reshape", "broadcast_to"):
        value = value.producer.inputs[0]
    return value.data
