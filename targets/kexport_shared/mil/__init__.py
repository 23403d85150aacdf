"""An evaluator of ML programs: reads a saved .mlpackage back and executes it by Apple's published semantics in numpy.

It shares nothing with the rest of kexport but the error types, so that no mistake of the exporter can hide in it.
What it says is simulated: it proves that the package means what the model computes, not that a device computes it.
"""

from kexport_shared.mil.features import Feature, Range
from kexport_shared.mil.modes import Overflow
from kexport_shared.mil.program import Program, load

__all__ = ["Feature", "Overflow", "Program", "Range", "load"]
