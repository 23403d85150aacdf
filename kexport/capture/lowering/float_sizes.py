"""Recognizes sizes that a program computes in floats."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim, bounds
from kexport.ir.graph import Value
from kexport.rewrite import fold

Dims = tuple[Dim, ...]


def quotient(value: Value) -> tuple[Dims, Dims] | None:
    """Return the numerators and denominators of a quotient of two size tensors, both cast to floats."""
    made = value.producer
    if made is None or not isinstance(made.op, ops.Div):
        return None
    above, below = (_whole(v) for v in made.inputs)
    return None if above is None or below is None else (above, below)


def whole_quotient(value: Value) -> Dims | None:
    """Divide the sizes of such a quotient as integers; None if it may be negative, which leaves the rounding open."""
    found = quotient(value)
    if found is None:
        return None
    above, below = found
    if not all(isinstance(b, int) and b > 0 for b in below) or any(bounds(a)[0] < 0 for a in above):
        return None
    below = below * len(above) if len(below) == 1 else below
    return tuple(a // b for a, b in zip(above, below, strict=True)) if len(above) == len(below) else None


def _whole(value: Value) -> Dims | None:
    """Sizes that were cast, or constants without a fraction."""
    if value.data is not None:
        flat = value.data.reshape(-1)
        small = value.data.ndim <= 1 and flat.size <= fold.MAX_SIZES
        return tuple(map(int, flat)) if small and bool(np.all(flat == np.floor(flat))) else None
    made = value.producer
    return fold.dims_of(made.inputs[0]) if made is not None and isinstance(made.op, ops.Cast) else None
