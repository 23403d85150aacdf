"""How TensorFlow ops and Keras calls become IR ops: one file for each family, merged into `TABLE`."""

from __future__ import annotations

from collections.abc import Mapping

from kexport.capture.lowering import (
    activation,
    attention,
    binary,
    complex_numbers,
    conv,
    create,
    einsum,
    elementwise,
    fake_quant,
    fourier,
    gradients,
    image,
    index,
    layout,
    linalg,
    lists,
    lookup,
    losses,
    matmul,
    matrix,
    norm,
    pool,
    random,
    reduce,
    resize,
    segments,
    slicing,
    space,
    special,
    suppress,
    switches,
    text,
    warp,
)
from kexport.capture.lowering.complex_numbers import as_pair
from kexport.capture.lowering.reasons import HOST_LAYERS, reason
from kexport.capture.lowering.table import LowerOp, Table, merge

MODULES = (
    activation, attention, binary, conv, create, einsum, elementwise, fake_quant, fourier, gradients, image, index,
    layout, linalg, lists, lookup, losses, matmul, matrix, norm, pool, random, reduce, resize, segments, slicing,
    space, special, suppress, switches, text, warp,
)  # fmt: skip
TABLE: Table = merge(m.table for m in MODULES)
"""Every lowering: by TensorFlow op type and by frame label."""

COMPLEX: Mapping[str, LowerOp] = complex_numbers.with_parts(TABLE.ops) | fourier.table.ops
"""Lowerings of TensorFlow ops that are given complex tensors."""
COMPLEX_REASON = (
    "complex numbers are followed through sums, products, quotients, moves, powers of e and Fourier transforms alone; "
    "write it with real and imaginary parts"
)

__all__ = ["COMPLEX", "COMPLEX_REASON", "HOST_LAYERS", "TABLE", "as_pair", "reason"]
