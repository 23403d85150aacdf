"""Refuses names in a model file unless they are known to be harmless: all at once, before a framework sees it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum
from importlib.metadata import packages_distributions

from kexport.capture.lambdas.layer import replace_hint
from kexport.capture.sources.allowed.refused import why_refused
from kexport.capture.sources.config import KERAS_PACKAGES, TRUST_HINT, Reference
from kexport.capture.sources.stubs import stub
from kexport.errors import CaptureError

CUSTOM_HINT = (
    "--custom MODULE (in Python: custom=['module']) imports your module or file that defines them; "
    "--trust imports the modules that the file names"
)
MAX_SHOWN = 20
MAX_LINE = 300
MAX_STUBS = 3


class Verdict(Enum):
    """The judgement of a reference."""

    ALLOWED = "allowed"
    CODE = "code"
    """It could run, read or write something, which only a trusted file may."""
    UNKNOWN = "unknown"
    """The name is unknown here: the user's code or another version may define it."""


Judge = Callable[[Reference], Verdict]
PLAIN_TYPE = re.compile(r"[a-z]+[0-9]{0,4}(_[a-z0-9]+)?")
"""The names of element types that arrays have in a config; NumPy also knows texts of any length."""


def judge_file(reference: Reference, custom: Collection[str]) -> Verdict:
    """A text where layers take the path of a file; for classes of the user another text, if no file is there."""
    if reference.owner not in custom or "://" in reference.name:
        return Verdict.CODE
    try:
        return Verdict.CODE if os.path.lexists(reference.name) else Verdict.ALLOWED
    except ValueError:  # it has a null byte
        return Verdict.ALLOWED


def refuse(
    found: Iterable[Reference],
    judge: Judge,
    path: str,
    note: str,
    *,
    trust: bool = False,
    why: Mapping[str, str] | None = None,
    keras: str = "keras",
) -> None:
    """Refuse a file for all that its config names and may not.

    `note` is on the versions involved; `why` says of lambdas, by layer, what about them is not understood. A trusted
    file may carry code. `keras` is the package that the model is of.

    Raises:
        CaptureError: names every offending reference with its layer.
    """
    code: list[Reference] = []
    unknown: list[Reference] = []
    for reference in found:
        verdict = judge(reference)
        if verdict is Verdict.CODE and not trust:
            code.append(reference)
        elif verdict is Verdict.UNKNOWN:
            unknown.append(reference)
    parts = []
    hints = []
    if code:
        parts.append(f"the file carries code or calls what is no part of a model:\n{_lines(code, why)}")
        hints.append(TRUST_HINT)
    if unknown:
        theirs = all((r.module or "").split(".")[0] in KERAS_PACKAGES for r in unknown)
        start = "" if theirs or _packages(unknown) else stub(unknown[:MAX_STUBS], keras)
        parts.append(f"the model needs what Keras does not have:\n{_lines(unknown)}{start}")
        hints.append(f"{note}; install that version" if theirs else _custom_hint(unknown))
    layers = [layer for r in (*code, *unknown) if (layer := r.where.rpartition("/")[2]) in (why or {})]
    hints = [*map(replace_hint, layers[:1]), *hints]
    if parts:
        raise CaptureError("\n".join(parts), where=path, hint="; ".join(hints))


def _packages(unknown: list[Reference]) -> list[str]:
    """The installed packages that references are of, Keras aside."""
    installed = packages_distributions()
    roots = dict.fromkeys((r.module or "").split(".")[0] for r in unknown)
    return [root for root in roots if root in installed and root not in KERAS_PACKAGES]


def _custom_hint(unknown: list[Reference]) -> str:
    example = f"; here --custom {packages[0]}" if (packages := _packages(unknown)) else ""
    return CUSTOM_HINT + example


def _lines(found: list[Reference], why: Mapping[str, str] | None = None) -> str:
    lines = [f"  {str(r)[:MAX_LINE]}{_reason(r, why or {})}" for r in found[:MAX_SHOWN]]
    if len(found) > MAX_SHOWN:
        lines.append(f"  and {len(found) - MAX_SHOWN} more")
    return "\n".join(lines)


def _reason(reference: Reference, why: Mapping[str, str]) -> str:
    said = why_refused(reference.name) if reference.kind == "tf" else None
    if reference.kind == "lambda":
        said = why.get(reference.where.rpartition("/")[2])
    return f" ({said})" if said else ""
