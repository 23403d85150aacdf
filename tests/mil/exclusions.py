"""Which of Apple's tests say nothing about the evaluator, and why. Every reason is counted and printed."""

from __future__ import annotations

import re
from typing import NamedTuple


class Exclusion(NamedTuple):
    """Tests whose name matches `pattern` are not run."""

    pattern: str
    reason: str


FULL = "precision='fp32'"
EXCLUSIONS: tuple[Exclusion, ...] = (
    Exclusion(
        f"iOS1[56]/test_image_resizing.py::TestResample::.*{FULL}",
        "counts the casts of a float16 program; Apple runs it in float16 only",
    ),
    Exclusion(
        f"iOS17/test_image_resizing.py::TestResample::test_builder_to_backend_smoke.*{FULL}.*numpy.float16",
        "the coordinates are float16, which does not hold the ones that the expected values were worked out for",
    ),
    Exclusion(
        f"TestNormalizationLocalResponseNorm::test_builder_to_backend_smoke.*{FULL}",
        "the expected values leave neighbouring channels out, within float16's tolerance only",
    ),
    Exclusion(
        f"TestCropResize::test_builder_to_backend_ios1[67].*{FULL}",
        "an expected value is written with three decimals, within float16's tolerance only",
    ),
    Exclusion(
        "iOS15/test_image_resizing.py::TestCropResize::test_builder_to_backend_smoke",
        "the box lies outside the image, for which nothing is published",
    ),
    Exclusion(
        "test_ios17_invalid_indices.*validate_indices=False",
        "what an index out of range does is undefined; the evaluator refuses it",
    ),
    Exclusion(
        "TestScatter::test_builder_to_backend_programmatic.*fp16.*accumulate_mode=div",
        "quotients of the random numbers leave float16's range, which the evaluator records as an overflow",
    ),
)


def unused(tests: list[str]) -> list[Exclusion]:
    """The exclusions no test needs."""
    return [e for e in EXCLUSIONS if not any(re.search(e.pattern, test) for test in tests)]


def excluded(test: str) -> str | None:
    """Why a test is not run, or None."""
    return next((e.reason for e in EXCLUSIONS if re.search(e.pattern, test)), None)
