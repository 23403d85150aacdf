"""A model that a function of the user returns."""

from __future__ import annotations

import re
from typing import Any

from kexport.capture.sources.custom import import_user_module
from kexport.capture.sources.frameworks import fresh_names, import_keras
from kexport.capture.sources.live import is_keras2_model, is_keras_model, model_of_function
from kexport.errors import CaptureError, ConfigError
from kexport.names import suggest

PLACE = re.compile(r"([\w./\\-]+):(\w+)")
"""`package.module:function`, or `file.py:function`."""


def user_function(place: str) -> Any:
    """The function at a `module:function`.

    Raises:
        ConfigError: there is no such module or function.
    """
    match = PLACE.fullmatch(place.strip())
    if not match:
        raise ConfigError(f"{place!r} is no module:function", hint="for example my_package.models:build")
    module = import_user_module(match[1])
    function = getattr(module, match[2], None)
    if not callable(function):
        public = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        hint = suggest(match[2], public, "it has")
        raise ConfigError(f"{match[1]} has no function {match[2]!r}", hint=hint)
    return function


def user_model(place: str) -> Any:
    """The Keras 2 or 3 model that the function at a `module:function` returns.

    Raises:
        CaptureError: it raises, or returns something else.
        ConfigError: there is no such module or function.
    """
    import_keras()  # the user's module imports Keras: have that happen on the right backend
    function = user_function(place)
    try:
        with fresh_names():
            model = model_of_function(function())
    except Exception as e:
        raise CaptureError(f"{place} raised {type(e).__name__}: {e}", where=place) from e
    if not is_keras_model(model) and not is_keras2_model(model):
        raise CaptureError(f"it returned a {type(model).__name__}, no Keras model", where=place)
    return model
