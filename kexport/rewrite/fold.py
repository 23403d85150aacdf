"""Evaluates ahead of run time: ops on constants, and integer arithmetic on sizes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np

from kexport import ops
from kexport.errors import GraphError
from kexport.ir.dim import Dim, SymDim, UndecidableDim, dim_max, dim_min
from kexport.ir.evaluator import fit
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array, Op, RegionOp, infer
from kexport.ir.types import TensorType
from kexport.rewrite.narrow import grows

MAX_SIZES = 64
"""The most elements of an integer tensor that is evaluated symbolically."""
MAX_GROWTH = 1 << 16
"""The bytes by which a folded result may exceed its operands."""


def symbolic(value: Value) -> Array | None:
    """Return the elements of a small integer tensor as an object array of dims, or None if unknown."""
    if value.data is not None:
        small = value.data.size <= MAX_SIZES and value.data.dtype.kind in "iub"
        return value.data.astype(object) if small else None
    match value.producer:
        case Node(op=ops.Dims(dims=dims)):
            return _object_array(dims)
        case Node(op=ops.Reshape() as op, inputs=(source,)) if value.type.is_static:
            inner = symbolic(source)
            return None if inner is None else op.evaluate(inner)
        case _:
            return None


def dims_of(value: Value) -> tuple[Dim, ...] | None:
    """Return the elements of a small 0-D or 1-D integer tensor as dims, or None."""
    known = symbolic(value)
    return (
        None
        if known is None or known.ndim > 1
        else tuple(int(d) if not isinstance(d, SymDim) else d for d in known.reshape(-1))
    )


def fold_constants(op: Op, operands: Sequence[Value], types: Sequence[TensorType]) -> list[Array] | None:
    """Evaluate `op` if all operands are constants and the results don't bloat the model; else return None."""
    if isinstance(op, (RegionOp, ops.Draw)) or op.symbols() or not all(t.is_static for t in types):
        return None
    if grows(op, operands):
        return None
    data = [v.data for v in operands if v.data is not None]
    if len(data) != len(operands):
        return None
    size = sum(int(t.numel) * t.dtype.numpy.itemsize for t in types)  # type: ignore[arg-type]
    if size > sum(d.nbytes for d in data) + MAX_GROWTH:
        return None
    with np.errstate(all="ignore"):
        results = op.evaluate(*data)
    results = results if isinstance(results, tuple) else (results,)
    return [fit(np.asarray(r), t, wide=False) for r, t in zip(results, types, strict=True)]


def fold_sizes(op: Op, operands: Sequence[Value], types: Sequence[TensorType]) -> list[Array] | None:
    """Evaluate an integer op on sizes to object arrays of dims; None if a comparison is undecidable."""
    if isinstance(op, (RegionOp, ops.Dims)) or any(t.dtype.is_float or not t.is_static for t in types):
        return None
    known = [symbolic(v) for v in operands]
    if not known or any(k is None for k in known) or all(v.is_constant for v in operands):
        return None
    try:
        results = _CHOICES[type(op)](*known) if type(op) in _CHOICES else op.evaluate(*known)  # type: ignore[arg-type]
    except (UndecidableDim, TypeError, ValueError, GraphError):
        return None  # an op that numpy cannot run on symbols: it stays in the graph
    several = cast("tuple[Array, ...]", results if isinstance(results, tuple) else (results,))
    arrays = [np.asarray(array) for array in several]
    return arrays if all(a.size <= MAX_SIZES for a in arrays) else None


_CHOICES: dict[type[Op], np.ufunc] = {
    ops.Maximum: np.frompyfunc(dim_max, 2, 1),
    ops.Minimum: np.frompyfunc(dim_min, 2, 1),
}
"""Select between two sizes symbolically, since numpy would have to compare them."""


def emit_sizes(graph: Graph, sizes: Array, type: TensorType, origin: str, before: Node | None = None) -> Value:
    """Make a value that holds known sizes: a constant if they are numbers, else a `dims` node."""
    flat = [int(d) if not isinstance(d, SymDim) else d for d in sizes.reshape(-1)]
    if not any(isinstance(d, SymDim) for d in flat):
        return graph.constant(np.array(flat, type.dtype.numpy).reshape(sizes.shape))
    add = partial(graph.add, origin=origin, before=before)
    value = add(ops.Dims(tuple(flat), type.dtype)).output
    return value if sizes.ndim == 1 else add(ops.Reshape(tuple(sizes.shape)), value).output


def build(graph: Graph, op: Op, *operands: Value, origin: str = "", before: Node | None = None) -> tuple[Value, ...]:
    """Add a node, or what it folds to; return its results.

    Raises:
        GraphError: the operands do not fit the op.
    """
    try:
        types = infer(op, tuple(v.type for v in operands))
    except GraphError as e:
        raise e.located(origin or None) from None
    constants = fold_constants(op, operands, types)
    if constants is not None:
        return tuple(graph.constant(c) for c in constants)
    sizes = fold_sizes(op, operands, types)
    if sizes is not None:
        return tuple(emit_sizes(graph, s, t, origin, before) for s, t in zip(sizes, types, strict=True))
    return graph.add(op, *operands, origin=origin, before=before).outputs


def _object_array(dims: Sequence[Dim]) -> Array:
    array = np.empty(len(dims), object)
    array[:] = dims
    return array
