"""How to read a model: what the user says about it beside where it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Custom = Mapping[str, Any] | Iterable[Any]
"""The user's own classes and functions by name, or modules, paths of Python files and objects that hold them."""


@dataclass(frozen=True)
class Reading:
    """What the user says about a model that is to be read."""

    trust: bool = False
    """Whether code that a file carries may run."""
    custom: Custom = ()
    """What defines the classes and functions that a file refers to."""
    signature: str | None = None
    """Which signature of a SavedModel."""
    example: Any = None
    """A batch (arrays, specs, or an .npz file) for a subclassed model whose inputs are not known otherwise."""
    replace: Mapping[str, str] = field(default_factory=dict[str, str])
    """What layers compute, by their names: `x/127.5-1`, or `module:function`."""
    architecture: str | None = None
    """Where the model is whose weights a file holds: a JSON file, or `module:function`."""
