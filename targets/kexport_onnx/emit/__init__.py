"""The emitters, one file for each family of ops."""

from importlib import import_module

from kexport_onnx.emit.table import EMIT

FAMILIES = (
    "activation", "binary", "control", "conv", "create", "elementwise", "index", "layout", "matmul", "norm", "pool",
    "quantize", "recurrent", "reduce", "resize", "text",
)  # fmt: skip
for _family in FAMILIES:
    import_module(f"{__name__}.{_family}")

__all__ = ["EMIT", "FAMILIES"]
