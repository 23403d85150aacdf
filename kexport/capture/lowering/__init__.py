"""How TensorFlow ops and Keras calls become IR ops: one file for each family, merged into `TABLE`."""

from __future__ import annotations

from kexport.capture.lowering import (
    activation,
    binary,
    conv,
    create,
    einsum,
    elementwise,
    index,
    layout,
    matmul,
    matrix,
    norm,
    pool,
    reduce,
    resize,
    slicing,
    space,
)
from kexport.capture.lowering.reasons import reason
from kexport.capture.lowering.table import Table, merge

MODULES = (
    activation, binary, conv, create, einsum, elementwise, index, layout, matmul, matrix, norm, pool, reduce,
    resize, slicing, space,
)  # fmt: skip
TABLE: Table = merge(m.table for m in MODULES)
"""Every lowering: by TensorFlow op type and by frame label."""

__all__ = ["TABLE", "reason"]
