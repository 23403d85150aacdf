"""Runs a graph in numpy: the meaning of every artifact, and in float64 the oracle that measures noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from kexport.errors import GraphError
from kexport.ir.dim import Dim, is_symbol, substitute, times
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array, RegionOp
from kexport.ir.types import DType, TensorType

Observer = Callable[[Node, Sequence[Array]], Sequence[Array] | None]
"""Sees each node and its results; may return others to take their place."""


def evaluate(
    graph: Graph, inputs: Mapping[str, Array], *, wide: bool = False, observe: Observer | None = None
) -> dict[str, Array]:
    """Outputs by name for inputs by name.

    Args:
        graph: any graph; symbolic dims take their sizes from the inputs.
        inputs: one array per graph input.
        wide: compute every float in float64, constants included; the results are float64.
        observe: called with each node and its results; what it returns, if anything, takes their place.

    Raises:
        GraphError: an input is missing or does not fit its type; names the value and the sizes.
    """
    missing = [v.name for v in graph.inputs if v.name not in inputs]
    if missing:
        raise GraphError(f"no array for input {', '.join(map(repr, missing))}", where=graph.name)
    results = _run(graph, [inputs[v.name] for v in graph.inputs], {}, wide, observe)
    return {o.name: r for o, r in zip(graph.outputs, results, strict=True)}


def bind_inputs(types: Sequence[tuple[str, TensorType]], arrays: Sequence[Array]) -> dict[str, Dim]:
    """The size of every symbol, given arrays for values of these types.

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
    """The results of a loop body or branch on arrays, one per input; `sizes` are those of the graph around it."""
    return _run(body, arrays, sizes or {}, wide=False)


def _run(
    graph: Graph, arrays: Sequence[Array], outer: Mapping[str, Dim], wide: bool, observe: Observer | None = None
) -> list[Array]:
    sizes = dict(outer) | bind_inputs([(v.name, v.type) for v in graph.inputs], arrays)
    env: dict[Value, Array] = {v: fit(a, v.type, wide) for v, a in zip(graph.inputs, arrays, strict=True)}
    reads = Counter(v for n in graph.nodes for v in n.inputs) + Counter(o.value for o in graph.outputs)

    def read(value: Value) -> Array:
        return _widen(value.data, value.type, wide) if value.data is not None else env[value]

    for node in graph.nodes:
        results: Sequence[Array] = _apply(node, [read(v) for v in node.inputs], sizes, wide)
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


def _apply(node: Node, operands: list[Array], sizes: Mapping[str, Dim], wide: bool) -> tuple[Array, ...]:
    op = node.op.bind(sizes)
    op = op.widen() if wide else op
    try:
        with np.errstate(all="ignore"):
            if isinstance(op, RegionOp):
                results = op.evaluate_with(partial(_run, outer=sizes, wide=wide), *operands)
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
    return tuple(fit(np.asarray(r), v.type, wide) for r, v in zip(results, node.outputs, strict=True))


def fit(array: Array, type: TensorType, wide: bool) -> Array:
    """`array` with the element type that `type` says (float64 for any float if `wide`)."""
    dtype = np.dtype(np.float64) if wide and type.dtype.is_float else type.dtype.numpy
    return array if array.dtype == dtype else array.astype(dtype)


def _widen(array: Array, type: TensorType, wide: bool) -> Array:
    return array.astype(np.float64) if wide and type.dtype.is_float else array


def _bind_result(node: Node, type: TensorType, array: Array, sizes: dict[str, Dim]) -> None:
    """Learn the sizes that depend on data, such as how many elements are nonzero; check the others."""
    for dim, size in zip(type.shape, array.shape, strict=False):
        if is_symbol(dim):
            sizes.setdefault(str(dim), size)
    expected = type.bind(sizes).shape
    if expected != array.shape:
        what = f"{node.op.name} has a result {type}, computed is a shape of {list(array.shape)}"
        raise GraphError(f"{what} where {list(expected)} is expected", where=node.origin or None)
