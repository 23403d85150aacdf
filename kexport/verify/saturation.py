"""Handles engines without infinity, whose arithmetic saturates at the greatest finite number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kexport.ir.op import Array


def unsaturated(
    expected: Mapping[str, Array],
    actual: Mapping[str, Array],
    oracle: Mapping[str, Array] | None = None,
    extreme: bool = False,
) -> tuple[dict[str, Array], int]:
    """The outputs with infinities where the reference has them and the engine has the greatest finite number of the
    same sign; and how many there are, which are no evidence. Everything else stays as it is.

    Where float32 overflows on the way, so that the reference is not finite and the `oracle`, in float64, is, the engine
    went on with its greatest number and may have anything in the end: the reference's value is put there too. On
    `extreme` inputs float64 may overflow as well.
    """
    found = dict(actual)
    count = 0
    for name, want in expected.items():
        got = found.get(name)
        if got is None or got.shape != want.shape or got.dtype != want.dtype or want.dtype.kind != "f":
            continue
        stopped = np.isinf(want) & (np.abs(got) == np.finfo(got.dtype).max) & (np.sign(got) == np.sign(want))
        exact = None if oracle is None else oracle.get(name)
        if exact is not None and exact.shape == want.shape:
            stopped |= ~np.isfinite(want) & (np.isfinite(exact) | extreme)
        if stopped.any():
            found[name] = np.where(stopped, want, got)
            count += int(stopped.sum())
    return found, count
