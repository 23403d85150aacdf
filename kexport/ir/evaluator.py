"""Evaluates a graph in numpy: this defines what artifacts must compute, and in float64 it is the oracle."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from kexport.errors import GraphError
from kexport.ir.dim import Dim, is_symbol, substitute, times
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array, Op, RegionOp
from kexport.ir.types import DType, TensorType

Observer = Callable[[Node, Sequence[Array]], Sequence[Array] | None]
"""Sees each node and its results, and may return replacements for the results. It does not see bodies."""


class Perturb(Protocol):
    """Changes operands and results of nodes, including those in bodies."""

    def operands(self, node: Node, arrays: list[Array]) -> list[Array]:
        """Return the operands that the node gets instead of these."""
        ...

    def results(self, node: Node, operands: Sequence[Array], arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        """Return the results that the node gives instead of these."""
        ...


@dataclass(frozen=True)
class _How:
    """How to compute nodes: `wide` and `narrow` are those of `evaluate`."""

    wide: bool = False
    narrow: bool = False
    perturb: Perturb | None = None

    def dtype(self, type: TensorType) -> np.dtype[np.generic]:
        """Return the element type in which a value is computed."""
        if self.wide and type.dtype.is_float:
            return np.dtype(np.float64)
        return np.dtype(np.float32) if self.narrow and type.dtype is DType.F64 else type.dtype.numpy

    def constant(self, array: Array, type: TensorType) -> Array:
        """Return the data of a constant, copied only if its type changes."""
        return _as(array, self.dtype(type)) if type.dtype.is_float and (self.wide or self.narrow) else array

    def op(self, op: Op) -> Op:
        """Return the op with its element types adapted."""
        if self.narrow:
            found = {k: DType.F32 for k, v in op.attributes().items() if v is DType.F64}
            return dataclasses.replace(op, **found) if found else op
        return op.widen() if self.wide else op


def evaluate(
    graph: Graph,
    inputs: Mapping[str, Array],
    *,
    wide: bool = False,
    narrow: bool = False,
    observe: Observer | None = None,
    perturb: Perturb | None = None,
) -> dict[str, Array]:
    """Compute the outputs by name from the inputs by name.

    Args:
        graph: any graph; symbolic dims take their sizes from the inputs.
        inputs: one array per graph input.
        wide: compute every float in float64, constants included; the results are float64.
        narrow: compute what is float64 in float32, constants included.
        observe: called with each node and its results; may return replacements.
        perturb: changes operands and results of every node, bodies included, before `observe` sees them.

    Raises:
        GraphError: an input is missing or does not fit its type; names the value and the sizes.
    """
    missing = [v.name for v in graph.inputs if v.name not in inputs]
    if missing:
        raise GraphError(f"no array for input {', '.join(map(repr, missing))}", where=graph.name)
    results = _run(graph, [inputs[v.name] for v in graph.inputs], {}, _How(wide, narrow, perturb), observe)
    return {o.name: r for o, r in zip(graph.outputs, results, strict=True)}


def bind_inputs(types: Sequence[tuple[str, TensorType]], arrays: Sequence[Array]) -> dict[str, Dim]:
    """Return the size of every symbol, given arrays for values of these types.

    Raises:
        GraphError: a rank or a size does not fit; names the input, its type and the shape.
    """
    sizes: dict[str, Dim] = {}
    for (name, type), array in zip(types, arrays, strict=True):
        if len(array.shape) != type.rank:
            raise GraphError(f"input {name!r} is {type}, got an array of shape {list(array.shape)}")
        for dim, size in zip(type.shape, array.shape, strict=True):
            if found := times(dim):
                sizes.setdefault(found[0], size // found[1])
    for (name, type), array in zip(types, arrays, strict=True):
        dtype = DType.of(array.dtype)
        if dtype != type.dtype and not (dtype.is_float and type.dtype.is_float):
            raise GraphError(f"input {name!r} is {type}, got an array of {dtype}")
        expected = tuple(substitute(d, sizes) for d in type.shape)
        if expected != array.shape:
            raise GraphError(f"input {name!r} is {type}, got an array of shape {list(array.shape)}")
    return sizes


def run_body(body: Graph, arrays: Sequence[Array], sizes: Mapping[str, Dim] | None = None) -> list[Array]:
    """Evaluate a loop body or branch on arrays, one per input; `sizes` are those of the enclosing graph."""
    return _run(body, arrays, sizes or {}, _How())


def _run(
    graph: Graph, arrays: Sequence[Array], outer: Mapping[str, Dim], how: _How, observe: Observer | None = None
) -> list[Array]:
    sizes = dict(outer) | bind_inputs([(v.name, v.type) for v in graph.inputs], arrays)
    env: dict[Value, Array] = {v: _as(a, how.dtype(v.type)) for v, a in zip(graph.inputs, arrays, strict=True)}
    reads = Counter(v for n in graph.nodes for v in n.inputs) + Counter(o.value for o in graph.outputs)

    def read(value: Value) -> Array:
        return env[value] if value.data is None else how.constant(value.data, value.type)

    for node in graph.nodes:
        results: Sequence[Array] = _apply(node, [read(v) for v in node.inputs], sizes, how)
        results = (observe(node, results) if observe else None) or results
        for value, array in zip(node.outputs, results, strict=True):
            _bind_result(node, value.type, array, sizes)
            if reads[value]:
                env[value] = array
        for value in node.inputs:
            reads[value] -= 1
            if not reads[value]:
                env.pop(value, None)
    return [read(o.value) for o in graph.outputs]


def _apply(node: Node, operands: list[Array], sizes: Mapping[str, Dim], how: _How) -> tuple[Array, ...]:
    op = how.op(node.op.bind(sizes))
    operands = how.perturb.operands(node, operands) if how.perturb else operands
    try:
        with np.errstate(all="ignore"):
            if isinstance(op, RegionOp):
                results = op.evaluate_with(partial(_run, outer=sizes, how=how), *operands)
            else:
                results = op.evaluate(*operands)
    except GraphError as e:
        raise e.located(node.origin or None) from None
    except (ValueError, IndexError, ArithmeticError) as e:
        raise GraphError(f"{op.name} cannot be computed: {e}", where=node.origin or None) from e
    results = results if isinstance(results, tuple) else (results,)
    if len(results) != len(node.outputs):
        what = f"{op.name} has {len(node.outputs)} results, computed are {len(results)}"
        raise GraphError(what, where=node.origin or None)
    found = tuple(_as(np.asarray(r), how.dtype(v.type)) for r, v in zip(results, node.outputs, strict=True))
    return how.perturb.results(node, operands, found) if how.perturb else found


def fit(array: Array, type: TensorType, wide: bool) -> Array:
    """Convert `array` to the element type of `type` (float64 for any float if `wide`)."""
    return _as(array, _How(wide).dtype(type))


def _as(array: Array, dtype: np.dtype[np.generic]) -> Array:
    return array if array.dtype == dtype else array.astype(dtype)


def _bind_result(node: Node, type: TensorType, array: Array, sizes: dict[str, Dim]) -> None:
    """Learn the sizes that depend on data, such as the number of nonzero elements; check all others."""
    for dim, size in zip(type.shape, array.shape, strict=False):
        if is_symbol(dim):
            sizes.setdefault(str(dim), size)
    expected = type.bind(sizes).shape
    if expected != array.shape:
        what = f"{node.op.name} has a result {type}, computed is a shape of {list(array.shape)}"
        raise GraphError(f"{what} where {list(expected)} is expected", where=node.origin or None)
