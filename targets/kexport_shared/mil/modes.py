"""How numbers are held: all in float64, all in float32, or rounded to float16 where the program says so.

Rounding happens between operations. Inside one, sums are kept in float32, as the published kernels do; a device that
keeps them in float16 may overflow where no overflow is recorded here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kexport.errors import ConfigError
from kexport_shared.mil.dtypes import DType


class Overflow(NamedTuple):
    """A result that left float16's range: `count` finite elements became infinite, the largest was `peak`."""

    op: str
    type: str
    output: str
    count: int
    peak: float


class Mode(NamedTuple):
    """A way to hold real numbers: `real` computes, and `halves` rounds what is declared fp16 after every operation."""

    name: str
    real: np.dtype
    halves: bool

    def hold(self, array: np.ndarray, dtype: DType | None) -> np.ndarray:
        """An array as this mode keeps values of a declared type."""
        if dtype is None:
            return array
        if not dtype.is_float:
            return array.astype(dtype.holder, copy=False)
        if self.halves and dtype.name == "fp16":
            with np.errstate(over="ignore"):
                return array.astype(np.float16).astype(self.real)
        return array.astype(self.real, copy=False)

    def overflows(self, array: np.ndarray, dtype: DType | None) -> tuple[int, float] | None:
        """How many finite elements rounding makes infinite, and the largest of them; None if there are none."""
        if not self.halves or dtype is None or dtype.name != "fp16" or array.dtype.kind != "f":
            return None
        size = np.abs(array)
        lost = (size >= HALF_LIMIT) & np.isfinite(array)
        count = int(np.count_nonzero(lost))
        return (count, float(size[lost].max())) if count else None


# the smallest magnitude that rounds to infinity: half a step above the largest float16, 65504
HALF_LIMIT = 65520.0
MODES = {
    "float64": Mode("float64", np.dtype(np.float64), False),
    "float32": Mode("float32", np.dtype(np.float32), False),
    "float16": Mode("float16", np.dtype(np.float32), True),
}


def mode_named(name: str) -> Mode:
    """The mode of a name."""
    if name not in MODES:
        raise ConfigError(f"there is no mode {name!r}", hint=f"one of {', '.join(MODES)}")
    return MODES[name]
