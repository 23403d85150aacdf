"""The graph of every function computes what Keras does; what is refused says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from kexport.capture.capturing import capture
from kexport.errors import UnsupportedError
from tests.capture.agree import agree
from tests.functions.catalog import CATALOG, LEFT_OUT, REFUSALS
from tests.functions.item import Function


@pytest.mark.parametrize("function", CATALOG.values(), ids=lambda f: f.name)
def test_capture(function: Function, keras: Any) -> None:
    agree(function.model(keras), function.batch(3), function.batch(2, seed=2), tolerance=function.tolerance)


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str, keras: Any) -> None:
    function, words = REFUSALS[name]
    with pytest.raises(UnsupportedError) as e:
        capture(function.model(keras))
    reasons = [item.reason for item in e.value.items]
    assert any(words in reason for reason in reasons), reasons
    assert not [r for r in reasons if "bug" in r or "no lowering" in r]


@pytest.mark.parametrize("name", LEFT_OUT)
def test_keras_itself_cannot(name: str, keras: Any) -> None:
    function, words = LEFT_OUT[name]
    with pytest.raises((TypeError, ValueError, NotImplementedError), match=words):
        function.model(keras).predict(function.batch(3), verbose=0)
