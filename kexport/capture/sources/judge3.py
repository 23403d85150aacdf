"""What the config of a Keras 3 file may name."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from kexport.capture.sources.allowed.keras3 import ALSO, BASES, EXCEPT, FUNCTION_FAMILIES, NO_FUNCTIONS
from kexport.capture.sources.config import KERAS_PACKAGES, Reference
from kexport.capture.sources.guard import PLAIN_TYPE, Judge, Verdict, judge_file
from kexport.capture.sources.judge2 import is_type_spec


def keras3_judge(keras: Any, objects: Mapping[str, Any]) -> Judge:
    """What a Keras 3 file may name: classes of Keras that models are made of, its tensor functions, and `objects`.

    `objects` are those of the user; what the user's modules registered with Keras counts as well.
    """
    custom = {**keras.saving.get_custom_objects(), **objects}

    def judge(reference: Reference) -> Verdict:
        if reference.kind == "option":
            return Verdict.ALLOWED  # Keras 3 looks these names up in tables of its own
        if reference.kind == "file":
            return judge_file(reference, custom)
        if reference.kind == "typespec":
            return Verdict.ALLOWED if is_type_spec(reference) else Verdict.CODE
        if reference.kind == "dtype":
            return Verdict.ALLOWED if PLAIN_TYPE.fullmatch(reference.name) else Verdict.CODE
        if reference.kind not in ("class", "function"):
            return Verdict.CODE
        is_function = reference.kind == "function"
        if (_is_custom_function if is_function else _is_custom_class)(reference, custom):
            return Verdict.ALLOWED
        found = _function(keras, reference) if is_function else _class(keras, reference)
        if found is None:
            return Verdict.UNKNOWN
        return Verdict.ALLOWED if _is_allowed(keras, reference.kind, found) else Verdict.CODE

    return judge


def _is_custom_function(reference: Reference, custom: Mapping[str, Any]) -> bool:
    """Keras looks functions up by their name. Before 3.7 it saved those of a user without their package."""
    if reference.name in custom:
        return True
    return reference.module in (None, "builtins") and any(key.endswith(f">{reference.name}") for key in custom)


def _is_custom_class(reference: Reference, custom: Mapping[str, Any]) -> bool:
    """Keras looks classes up by their registered name, those of .h5 files by their name."""
    if reference.registered is not None:
        return reference.registered in custom
    return reference.module is None and reference.name in custom


def _function(keras: Any, reference: Reference) -> Any:
    if reference.module in (None, "builtins"):
        homes = (getattr(keras, family) for family in FUNCTION_FAMILIES)
        return next((getattr(h, reference.name) for h in homes if hasattr(h, reference.name)), None)
    return _symbol(reference)


def _class(keras: Any, reference: Reference) -> Any:
    if reference.module is not None:
        return _symbol(reference)
    from keras.src import layers, models

    homes = (
        keras.layers,
        layers,
        models,
        keras.initializers,
        keras.regularizers,
        keras.constraints,
        keras.dtype_policies,
    )
    return next((getattr(home, reference.name) for home in homes if hasattr(home, reference.name)), None)


def _symbol(reference: Reference) -> Any:
    """What a module of Keras calls by this name, as its public name or as a module inside of it."""
    from keras.src import api_export

    module = str(reference.module)
    if module.split(".")[0] not in KERAS_PACKAGES:
        return None
    public = api_export.get_symbol_from_name(f"{module}.{reference.name}")
    if public is not None:
        return public
    home = sys.modules.get(module) or _attribute(sys.modules.get("keras"), module.split(".")[1:])
    return vars(home).get(reference.name) if inspect.ismodule(home) else None


def _attribute(value: Any, path: Sequence[str]) -> Any:
    """What a path of attributes leads to, None where it ends before. Some versions hide their public modules."""
    for name in path:
        value = getattr(value, name, None)
    return value


def _is_allowed(keras: Any, kind: str, found: Any) -> bool:
    if kind == "class":
        bases = tuple(base for path in BASES if (base := _attribute(keras, path.split("."))) is not None)
        kept = inspect.isclass(found) and found.__name__ not in EXCEPT
        return kept and (issubclass(found, bases) or f"{found.__module__}.{found.__name__}" in ALSO)
    home = str(getattr(found, "__module__", "")).removeprefix("keras.src.").removeprefix("keras.")
    return inspect.isfunction(found) and home.split(".")[0] in FUNCTION_FAMILIES and found.__name__ not in NO_FUNCTIONS
