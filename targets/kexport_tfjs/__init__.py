"""The TensorFlow.js target of kexport. `TARGET` is its entry point."""

from kexport_tfjs.target import TfjsTarget

TARGET = TfjsTarget()

__all__ = ["TARGET"]
