"""Ops that ONNX Runtime computes in float32 only."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.grids import dequantized, grid_of, held_in
from kexport.rewrite.match import made_by
from kexport.rewrite.rule import Replacement
from kexport.rewrite.term import Term

SINGLE: tuple[type[Op], ...] = (
    ops.Celu, ops.Elu, ops.GroupNorm, ops.HardSigmoid, ops.HardSilu, ops.LayerNorm, ops.LeakyRelu, ops.Mish, ops.Prelu,
    ops.RmsNorm, ops.Selu, ops.Softplus, ops.Softsign, ops.Threshold,
)  # fmt: skip
"""Ops that ONNX Runtime computes in float32 only; in float64 they are decomposed."""


@rule(ops.Silu)
def silu_of_doubles(op: ops.Silu, node: Node, rewriter: Rewriter) -> Replacement:
    """x / (1 + e^-x): ONNX Runtime fuses x * sigmoid(x) in float64 too, and has no kernel for that."""
    x = Term(rewriter, node.inputs[0])
    if x.type.dtype is not DType.F64:
        return None
    return (x / ((-x).of(ops.Exp()) + 1)).value


@rule(*SINGLE)
def expand_double(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    """What has kernels for float32 only."""
    return DECOMPOSE[type(op)].apply(node, rewriter) if node.output.type.dtype is DType.F64 else None


_BYTES = (DType.I8, DType.U8, DType.I32)


@rule(ops.Quantize, ops.Dequantize)
def expand_grid(op: ops.Quantize | ops.Dequantize, node: Node, rewriter: Rewriter) -> Replacement:
    """Blocks of scales and integers of other widths came with opset 21; float64 has no kernel."""
    integers = node.inputs[0].type.dtype
    floats = node.output.type.dtype
    if isinstance(op, ops.Quantize):
        integers, floats = op.dtype, integers
    has_kernel = integers in _BYTES and node.inputs[2].type.dtype is integers
    if has_kernel and floats is DType.F32 and op.block is None:
        return None
    return DECOMPOSE[type(op)].apply(node, rewriter)


@rule(ops.Dequantize)
def weights_alone(op: ops.Dequantize, node: Node, rewriter: Rewriter) -> Replacement:
    """Constants that meet floats are a product: of DequantizeLinear and MatMul ONNX Runtime makes a MatMulNBits, which
    rounds the other operand to 8 bits.

    It runs once, before transposes stand between convolutions and what they read.
    """
    if dequantized(node.output) is None or any(map(_computes_in_integers, node.output.users)):
        return None
    return DECOMPOSE[ops.Dequantize].apply(node, rewriter)


@rule(ops.Dequantize)
def unsigned_data(op: ops.Dequantize, node: Node, rewriter: Rewriter) -> Replacement:
    """Data in int8 is moved by 128 to uint8, which stands for the same numbers.

    Measured with ONNX Runtime 1.31 on x86: of int8 that two nodes read, it fuses neither these nodes nor those around
    them; of uint8 it does. Its transformer QDQS8ToU8 is the likely reason.
    """
    above = made_by(node.inputs[0], ops.Quantize)
    grid = grid_of(node)
    if above is None or above.op != ops.Quantize(DType.I8) or grid is None or not grid.is_whole:
        return None
    zero = rewriter.constant(np.asarray(grid.zeros[0] + _MIDDLE, np.uint8))
    scale = node.inputs[1]
    return rewriter.add(op, rewriter.add(ops.Quantize(DType.U8), above.inputs[0], scale, zero), scale, zero)


_MIDDLE = 128


def _computes_in_integers(node: Node) -> bool:
    """Whether what a node computes with its constants was quantized."""
    return any(held_in(v) is not None and dequantized(v) is None for v in node.inputs)


RULES = (silu_of_doubles, expand_double, expand_grid, unsigned_data)
