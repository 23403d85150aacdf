"""Emitters of the ops that TensorFlow has in forms of its own; the rest are the common ones."""

from __future__ import annotations

from kexport_savedmodel.emit import conv, native, text
from kexport_savedmodel.emit.table import EMIT

__all__ = ["EMIT", "conv", "native", "text"]
