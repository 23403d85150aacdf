"""How TensorFlow ops and Keras calls become IR ops: one file for each family, merged into `TABLE`."""

from __future__ import annotations

from kexport.capture.lowering import (
    activation,
    attention,
    binary,
    conv,
    create,
    einsum,
    elementwise,
    fourier,
    image,
    index,
    layout,
    lists,
    lookup,
    matmul,
    matrix,
    norm,
    pool,
    reduce,
    resize,
    slicing,
    space,
)
from kexport.capture.lowering.reasons import HOST_LAYERS, reason
from kexport.capture.lowering.table import Table, merge

MODULES = (
    activation, attention, binary, conv, create, einsum, elementwise, fourier, image, index, layout, lists, lookup,
    matmul, matrix, norm, pool, reduce, resize, slicing, space,
)  # fmt: skip
TABLE: Table = merge(m.table for m in MODULES)
"""Every lowering: by TensorFlow op type and by frame label."""

COMPLEX = frozenset(fourier.table.ops) | {"Identity", "IdentityN"}
"""The TensorFlow ops that can be given complex tensors."""
COMPLEX_REASON = "complex numbers are only followed through Fourier transforms"

__all__ = ["COMPLEX", "COMPLEX_REASON", "HOST_LAYERS", "TABLE", "reason"]
