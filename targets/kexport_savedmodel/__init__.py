"""The SavedModel target of kexport. `TARGET` is its entry point."""

from kexport_savedmodel.target import SavedModelTarget

TARGET = SavedModelTarget()

__all__ = ["TARGET"]
