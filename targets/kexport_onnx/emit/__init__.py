"""Emitters, one file for each family of ops, named as in `kexport/ops`. Importing this fills the table."""

from __future__ import annotations

from kexport_onnx.emit.table import EMIT
from kexport_shared.emit.filling import import_all

import_all(__name__, __path__)

__all__ = ["EMIT"]
