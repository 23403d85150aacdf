"""The error function against Python's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kexport.ops.erf import erf


@pytest.mark.parametrize("reach", [1e-300, 1e-8, 0.46875, 0.5, 4.0, 6.5, 40.0])
def test_relative_error_is_a_few_units_in_the_last_place(reach: float) -> None:
    x = np.linspace(-reach, reach, 2001)
    expected = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(erf(x), expected, rtol=5e-16, atol=0)


def test_special_values() -> None:
    found = erf(np.array([0.0, -0.0, np.inf, -np.inf, np.nan]))
    np.testing.assert_array_equal(found, [0.0, -0.0, 1.0, -1.0, np.nan])
    assert np.signbit(found).tolist() == [False, True, False, True, False]


def test_the_element_type_is_kept() -> None:
    assert erf(np.float32([[0.5]])).dtype == np.float32
    assert erf(np.array(0.5)).shape == ()
