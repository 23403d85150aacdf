"""What the main graph of an artifact and its functions share: names, constants, and the functions themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from kexport.ir.types import DType
from kexport_shared.emit.names import Names
from kexport_shared.graphdef.nodes import Const, Function, Ref

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_./-]")
"""What the name of a node may not hold; it must also begin with a letter, a digit or a dot."""


class Shared:
    """Names are unique in all of the artifact: TensorFlow.js has one table of constants for all functions."""

    def __init__(self) -> None:
        self.functions: list[Function] = []
        self.on_load: dict[str, Callable[[Any], Ref]] = {}
        """What makes, in the context of the main graph, the nodes that run once when the artifact is loaded."""
        self._consts: dict[Hashable, Const] = {}
        self._names = Names(fold=str.lower)
        self._arguments: list[str] = []

    def constant(self, key: Hashable, data: Any, shape: Sequence[int], name: str, dtype: DType) -> Const:
        """The constant that was made for an equal `key`, or a new one."""
        if key not in self._consts:
            self._consts[key] = Const(self.unique(name), data, dtype, tuple(shape))
        return self._consts[key]

    def argument(self, index: int, dtype: DType) -> Ref:
        """What a function's argument is called; other functions may use the same name."""
        while index >= len(self._arguments):
            self._arguments.append(self.unique(f"in_{len(self._arguments)}"))
        return Ref(self._arguments[index], dtype)

    def unique(self, name: str) -> str:
        """`name` in the letters that TensorFlow allows, or with the next number if it is taken."""
        name = _FORBIDDEN.sub("_", name)
        name = name if name[:1].isalnum() or name[:1] == "." else f"n{name}"
        return self._names.unique(name)
