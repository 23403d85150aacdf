"""The error function in float64, without scipy.

Source: W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969), with the
coefficients of his CALERF (netlib specfun). Maximal relative error about 1e-15.
"""

from __future__ import annotations

import numpy as np

from kexport.ir.op import Array

_A = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_B = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_C = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e0,
    6.61191906371416295e1,
    2.98635138197400131e2,
    8.81952221241769090e2,
    1.71204761263407058e3,
    2.05107837782607147e3,
    1.23033935479799725e3,
)
_D = (
    1.0,
    1.57449261107098347e1,
    1.17693950891312499e2,
    5.37181101862009858e2,
    1.62138957456669019e3,
    3.29079923573345963e3,
    4.36261909014324716e3,
    3.43936767414372164e3,
    1.23033935480374942e3,
)
_P = (
    1.63153871373020978e-2,
    3.05326634961232344e-1,
    3.60344899949804439e-1,
    1.25781726111229246e-1,
    1.60837851487422766e-2,
    6.58749161529837803e-4,
)
_Q = (
    1.0,
    2.56852019228982242e0,
    1.87295284992346725e0,
    5.27905102951428412e-1,
    6.05183413124413191e-2,
    2.33520497626869185e-3,
)


def erf(x: Array) -> Array:
    """erf(x), elementwise; the element type of `x` is kept, the computation is in float64."""
    wide = np.asarray(x, dtype=np.float64)
    y = np.minimum(np.abs(wide), 6.0)
    result = np.empty_like(y)
    small = y <= 0.46875
    large = y > 4.0
    middle = ~(small | large)
    square = y[small] ** 2
    result[small] = y[small] * _ratio(_A, _B, square)
    result[middle] = 1.0 - np.exp(-(y[middle] ** 2)) * _ratio(_C, _D, y[middle])
    inverse = y[large] ** -2.0
    tail = (1.0 / np.sqrt(np.pi) - inverse * _ratio(_P, _Q, inverse)) / y[large]
    result[large] = 1.0 - np.exp(-(y[large] ** 2)) * tail
    result[np.isnan(wide)] = np.nan
    return np.copysign(result, wide).astype(x.dtype)


def _ratio(numerator: tuple[float, ...], denominator: tuple[float, ...], x: Array) -> Array:
    return _horner(numerator, x) / _horner(denominator, x)


def _horner(coefficients: tuple[float, ...], x: Array) -> Array:
    total = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        total *= x
        total += c
    return total
