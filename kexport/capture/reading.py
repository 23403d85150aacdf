"""How to read a model: the user's options besides its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Custom = Mapping[str, Any] | Iterable[Any]
"""The user's own classes and functions by name, or modules, paths of Python files and objects that hold them."""


@dataclass(frozen=True)
class Reading:
    """The user's options for reading a model."""

    trust: bool = False
    """Whether code that a file carries may run."""
    custom: Custom = ()
    """Definitions of the classes and functions that a file refers to."""
    signature: str | None = None
    """Which signature of a SavedModel."""
    example: Any = None
    """A batch (arrays, specs, or an .npz file) for a subclassed model whose inputs are not known otherwise."""
    replace: Mapping[str, str] = field(default_factory=dict[str, str])
    """Replacements of layers, by name: `x/127.5-1`, or `module:function`."""
    architecture: str | None = None
    """The model that a file of weights belongs to: a JSON file, or `module:function`."""
