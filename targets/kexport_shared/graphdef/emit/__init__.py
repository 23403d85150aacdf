"""Emitters of the ops that TensorFlow and TensorFlow.js have in common, one file a family as in `kexport.ops`."""

from kexport_shared.graphdef.emit import (
    activation,
    binary,
    control,
    conv,
    create,
    elementwise,
    index,
    layout,
    matmul,
    pool,
    reduce,
    resize,
)
from kexport_shared.graphdef.table import COMMON

__all__ = [
    "COMMON", "activation", "binary", "control", "conv", "create", "elementwise", "index", "layout", "matmul", "pool",
    "reduce", "resize",
]  # fmt: skip
