"""The ONNX target of kexport. `TARGET` is its entry point."""

from kexport_onnx.target import OnnxTarget

TARGET = OnnxTarget()

__all__ = ["TARGET"]
