"""Folds integer arithmetic on sizes, symbolic ones included, into one `dims` op."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node, Value
from kexport.ir.op import Array, Op
from kexport.ir.types import TensorType
from kexport.rewrite import Rewriter, RulePass, rule
from kexport.rewrite.fold import fold_sizes


@rule()
def fold(op: Op, node: Node, rewriter: Rewriter) -> tuple[Value, ...] | None:
    """Replace an op on sizes by the resulting sizes."""
    if _is_sizes(node.output if len(node.outputs) == 1 else None):
        return None
    types = [v.type for v in node.outputs]
    results = fold_sizes(op, node.inputs, types)
    return None if results is None else tuple(_sizes(rewriter, r, t) for r, t in zip(results, types, strict=True))


def _sizes(rewriter: Rewriter, sizes: Array, type: TensorType) -> Value:
    flat = tuple(d if isinstance(d, SymDim) else int(d) for d in sizes.reshape(-1))
    if not any(isinstance(d, SymDim) for d in flat):
        return rewriter.constant(np.array(flat, type.dtype.numpy).reshape(sizes.shape))
    value = rewriter.add(ops.Dims(flat, type.dtype))
    return value if sizes.ndim == 1 else rewriter.add(ops.Reshape(sizes.shape), value)


def _is_sizes(value: Value | None) -> bool:
    """Return whether a value is a reshaped `dims` op, the simplest form of sizes of a rank other than 1."""
    node = value.producer if value else None
    return node is not None and isinstance(node.op, ops.Reshape) and isinstance(_op(node.inputs[0]), ops.Dims)


def _op(value: Value) -> object:
    return value.producer.op if value.producer else None


PASS = RulePass("fold_sizes", (fold,))
