"""kexport's own warnings are one line on stderr, once; others are left as they are."""

from __future__ import annotations

import warnings

import pytest

from kexport.cli.remarks import remarks_in_one_line
from kexport.errors import KexportWarning


def test_a_remark_is_one_line_and_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    before = warnings.showwarning
    with warnings.catch_warnings(), remarks_in_one_line():
        warnings.simplefilter("always")
        for _ in range(2):
            warnings.warn("Keras 4.0\nis newer", KexportWarning, stacklevel=1)
        warnings.warn("another", KexportWarning, stacklevel=1)
    assert capsys.readouterr().err == "note: Keras 4.0 is newer\nnote: another\n"
    assert warnings.showwarning is before


def test_warnings_of_others_are_left_as_they_are() -> None:
    with pytest.warns(DeprecationWarning, match="old"), remarks_in_one_line():
        warnings.warn("old", DeprecationWarning, stacklevel=1)
