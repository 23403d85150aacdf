"""What the config of a Keras 2 file may name."""

from __future__ import annotations

from collections.abc import Callable, Collection

from kexport.capture.sources.allowed.keras2 import (
    ACTIVATIONS,
    FUNCTION_HOMES,
    OPTIONS,
    home_of,
    inside_keras,
    is_known_by_name,
    is_public_home,
)
from kexport.capture.sources.allowed.operations import pure_operations
from kexport.capture.sources.allowed.tensorflow import (
    ATTRIBUTES,
    CLASS_METHODS,
    TYPE_SPEC_HOMES,
    TYPE_SPECS,
    is_pure,
)
from kexport.capture.sources.config import Reference
from kexport.capture.sources.guard import PLAIN_TYPE, Judge, Verdict, judge_file


def keras2_judge(custom: Collection[str]) -> Judge:
    """What a Keras 2 file may name: what is on the lists of `allowed`, and the user's own objects by their names."""

    def judge(reference: Reference) -> Verdict:
        kind = reference.kind
        if kind in _NAMED:
            return Verdict.ALLOWED if _NAMED[kind](reference.name) else Verdict.CODE
        if kind == "typespec":
            return Verdict.ALLOWED if is_type_spec(reference) else Verdict.CODE
        if kind == "file":
            return judge_file(reference, custom)
        if kind == "option":
            return _judge_option(reference, custom)
        return _judge_function(reference, custom) if kind == "function" else _judge_class(reference, custom)

    return judge


def _is_operation(name: str) -> bool:
    return name in pure_operations()


_NAMED: dict[str, Callable[[str], bool]] = {
    "lambda": lambda name: False,
    "tf": is_pure,
    "method": CLASS_METHODS.__contains__,
    "attribute": ATTRIBUTES.__contains__,
    "op": _is_operation,
    "dtype": lambda name: PLAIN_TYPE.fullmatch(name) is not None,
}


def is_type_spec(reference: Reference) -> bool:
    """Whether this is the type of a dense, ragged or sparse tensor, under a name that TensorFlow saves it by."""
    if reference.registered not in (None, reference.name):
        return False
    name = reference.name.removeprefix("tf.")
    return name in TYPE_SPECS and (reference.module or "tf") in TYPE_SPEC_HOMES


def _judge_option(reference: Reference, custom: Collection[str]) -> Verdict:
    known = OPTIONS[str(reference.module)]
    allowed = reference.name in known or reference.name in custom or reference.owner in custom
    return Verdict.ALLOWED if allowed else Verdict.UNKNOWN


def _judge_function(reference: Reference, custom: Collection[str]) -> Verdict:
    if reference.name in custom:
        return Verdict.ALLOWED
    module = reference.module or "builtins"
    inner = inside_keras(module)
    home = inner.removeprefix("src.") if inner is not None else module
    if home in FUNCTION_HOMES and reference.name in ACTIVATIONS.split():
        return Verdict.ALLOWED if reference.registered in (None, reference.name) else Verdict.CODE
    return Verdict.UNKNOWN if inner is None or home == "activations" else Verdict.CODE


def _judge_class(reference: Reference, custom: Collection[str]) -> Verdict:
    name = reference.name
    module = reference.module
    if reference.registered in custom or (name in custom and reference.registered in (None, name)):
        return Verdict.ALLOWED
    if module is None or module == "builtins":
        return Verdict.ALLOWED if is_known_by_name(name) else Verdict.UNKNOWN
    if home_of(name, module) is not None:
        return Verdict.ALLOWED if reference.registered in (None, name, f"Custom>{name}") else Verdict.CODE
    return Verdict.UNKNOWN if inside_keras(module) is None or is_public_home(module) else Verdict.CODE
