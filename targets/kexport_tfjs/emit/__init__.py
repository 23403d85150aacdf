"""Emitters of the ops that TensorFlow.js has in forms of its own; the rest are the common ones."""

from kexport_tfjs.emit import activation, conv, elementwise, index, matmul, norm
from kexport_tfjs.emit.table import EMIT

__all__ = ["EMIT", "activation", "conv", "elementwise", "index", "matmul", "norm"]
