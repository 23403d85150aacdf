"""Emitters of the ops that TensorFlow and TensorFlow.js have in common, one file a family as in `kexport/ops`."""

from __future__ import annotations

from kexport_shared.emit.filling import import_all
from kexport_shared.graphdef.table import COMMON

import_all(__name__, __path__)

__all__ = ["COMMON"]
