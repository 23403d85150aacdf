"""Packages that others find not to be installed."""

from __future__ import annotations

import sys

import pytest

from kexport_coreml.absent import absent


def test_a_package_is_hidden_for_a_while() -> None:
    finders = list(sys.meta_path)
    with absent("graphlib"):
        sys.modules.pop("graphlib", None)
        with pytest.raises(ModuleNotFoundError, match="No module named 'graphlib'") as caught:
            import graphlib
        assert caught.value.name == "graphlib"
        import json.tool
    import graphlib

    assert graphlib.TopologicalSorter
    assert json.tool
    assert sys.meta_path == finders


def test_what_is_imported_already_stays() -> None:
    import json

    with absent("json"):
        import json as again
    assert json is again


def test_it_ends_with_an_error_too() -> None:
    finders = list(sys.meta_path)
    with pytest.raises(KeyError), absent("graphlib"):
        raise KeyError
    assert sys.meta_path == finders
