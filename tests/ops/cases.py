"""All cases of all ops. Tests of targets use them too: `case.graph()`, `case.inputs()`."""

from __future__ import annotations

from tests.ops import (
    cases_activation,
    cases_binary,
    cases_control,
    cases_conv,
    cases_elementwise,
    cases_layout,
    cases_quantize,
    cases_recurrent,
    cases_reduce,
    cases_text,
)
from tests.ops.case import Case

CASES: tuple[Case, ...] = (
    *cases_elementwise.CASES,
    *cases_activation.CASES,
    *cases_binary.CASES,
    *cases_conv.CASES,
    *cases_reduce.CASES,
    *cases_layout.CASES,
    *cases_quantize.CASES,
    *cases_recurrent.CASES,
    *cases_control.CASES,
    *cases_text.HASHED,
)

TEXT: tuple[Case, ...] = cases_text.CASES
"""Cases of text, which only some targets have."""
