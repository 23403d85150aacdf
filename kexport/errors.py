"""Every error kexport raises on purpose: what is wrong, where (the Keras layer path), and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kexport.printable import one_line


class KexportError(Exception):
    """Base of all errors meant for the user.

    `where` is a Keras layer path or a file, `hint` the way out, `exit_code` what the shell gets.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None):
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  hint: {self.hint}" if self.hint else text

    def located(self, where: str | None) -> KexportError:
        """Return this error with `where` filled in, unless a closer place is known already."""
        self.where = self.where or where
        return self


class KexportWarning(UserWarning):
    """A remark that a user should know, without stopping anything."""


class CaptureError(KexportError):
    """A model cannot be loaded, traced or lowered."""


class GraphError(KexportError):
    """A graph is malformed: wrong types, wrong order, or text that does not parse."""


class EmitError(KexportError):
    """An artifact cannot be written."""


class VerifyError(KexportError):
    """An artifact or reference cannot be checked, or failed its check."""

    exit_code = 1


class TimeUp(VerifyError):
    """The time was over before there was anything to compare an artifact with."""


class NotApplicable(VerifyError):
    """An engine cannot run an artifact for a reason of its own, which says nothing about the artifact."""


class ConfigError(KexportError):
    """A wrong option, name or file given by the user."""

    exit_code = 3


class Unsupported(NamedTuple):
    """One node that cannot be exported: its layer path, its op and the reason."""

    where: str
    op: str
    reason: str


def _words(item: Unsupported) -> str:
    return f"{item.where or '<model>'}: {item.op}: {item.reason}"


class UnsupportedError(KexportError):
    """All nodes of a model that cannot be exported, reported at once."""

    def __init__(self, items: Sequence[Unsupported], *, hint: str | None = None):
        self.items = tuple(items)
        lines = [f"  {one_line(_words(i))}" for i in self.items]
        plural = "operation is" if len(lines) == 1 else "operations are"
        super().__init__("\n".join([f"{len(lines)} {plural} not supported:", *lines]), hint=hint)
