"""The Core ML target of kexport. `TARGET` is its entry point."""

from kexport_coreml.target import CoremlTarget

TARGET = CoremlTarget()

__all__ = ["TARGET"]
