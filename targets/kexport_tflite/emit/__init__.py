"""Emitters, one file for each family of ops, named as in `kexport/ops`. Importing this fills the table."""

from kexport_tflite.emit import (  # noqa: F401
    activation,
    binary,
    control,
    conv,
    create,
    elementwise,
    index,
    layout,
    matmul,
    norm,
    pool,
    quantize,
    reduce,
    resize,
)
from kexport_tflite.emit.table import EMIT

__all__ = ["EMIT"]
