"""Emitters of the ops that TensorFlow.js has in forms of its own; the rest are the common ones."""

from __future__ import annotations

from kexport_shared.emit.filling import import_all
from kexport_tfjs.emit.table import EMIT

import_all(__name__, __path__)

__all__ = ["EMIT"]
