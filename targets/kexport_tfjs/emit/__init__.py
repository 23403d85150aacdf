"""Emitters of the ops that TensorFlow.js has in forms of its own; the rest are the common ones."""

from kexport_tfjs.emit import activation, conv, elementwise, index, matmul, norm
from kexport_tfjs.emit.table import EMITTERS

__all__ = ["EMITTERS", "activation", "conv", "elementwise", "index", "matmul", "norm"]
