"""The TF Lite target of kexport. `TARGET` is its entry point."""

from kexport_tflite.target import TfliteTarget

TARGET = TfliteTarget()

__all__ = ["TARGET"]
