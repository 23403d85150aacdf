"""Emitters of the ops that TensorFlow has in forms of its own; the rest are the common ones."""

from __future__ import annotations

from kexport_savedmodel.emit.table import EMIT
from kexport_shared.emit.filling import import_all

import_all(__name__, __path__)

__all__ = ["EMIT"]
